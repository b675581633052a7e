; PathAdd and PathRemove: the folder in $R0 in the user's PATH. The variable is read and changed in
; memory of our own, because strings of this language end after 1023 characters, and a PATH that is
; cut there is lost.
!define PATH_KEY "Environment"
!define PATH_EXTRA 4096 ; bytes for a folder and what is between two
!define HKEY_CURRENT_USER_HANDLE -2147483647 ; extended with its sign
!define KEY_READ_WRITE 0x20006
!define REG_EXPAND_SZ_TYPE 2

; $R1 becomes a handle of the key (0: none), $R2 memory with the value as a string, $R3 its type.
!macro PathOpen
  StrCpy $R1 0
  StrCpy $R2 0
  StrCpy $R3 ${REG_EXPAND_SZ_TYPE}
  StrCpy $R4 0
  System::Call "advapi32::RegCreateKeyExW(p ${HKEY_CURRENT_USER_HANDLE}, w '${PATH_KEY}', i 0, \
    p 0, i 0, i ${KEY_READ_WRITE}|1, p 0, *p .R1, p 0) i .r0"
  ${If} $0 = 0
    System::Call "advapi32::RegQueryValueExW(p R1, w 'Path', p 0, *i .R3, p 0, *i .R4) i .r0"
    ${If} $0 <> 0
      StrCpy $R3 ${REG_EXPAND_SZ_TYPE}
      StrCpy $R4 0
    ${EndIf}
    IntOp $R5 $R4 + ${PATH_EXTRA}
    System::Alloc $R5 ; zeroed, so what is read into it ends
    Pop $R2
    ${If} $R4 > 0
      System::Call "advapi32::RegQueryValueExW(p R1, w 'Path', p 0, p 0, p R2, *i R5) i .r0"
    ${EndIf}
  ${EndIf}
!macroend

; Writes the memory back, or takes the value away when nothing is left, and tells those who listen.
!macro PathWrite
  System::Call "kernel32::lstrlenW(p R2) i .r0"
  ${If} $0 = 0
    System::Call "advapi32::RegDeleteValueW(p R1, w 'Path')"
  ${Else}
    IntOp $0 $0 + 1
    IntOp $0 $0 * 2
    System::Call "advapi32::RegSetValueExW(p R1, w 'Path', i 0, i R3, p R2, i r0)"
  ${EndIf}
  SendMessage ${HWND_BROADCAST} ${WM_SETTINGCHANGE} 0 "STR:Environment" /TIMEOUT=3000
!macroend

!macro PathClose
  ${If} $R2 P<> 0
    System::Free $R2
  ${EndIf}
  ${If} $R1 P<> 0
    System::Call "advapi32::RegCloseKey(p R1)"
  ${EndIf}
!macroend

; Where $R0 stands as a whole element: $R6 is its address (0: nowhere), $R7 its length.
!macro PathFind
  StrLen $R7 $R0
  StrCpy $R6 $R2
  ${Do}
    System::Call "shlwapi::StrStrIW(p R6, w R0) p .R6"
    ${If} $R6 P= 0
      ${Break}
    ${EndIf}
    StrCpy $1 59 ; what is before: a semicolon, or nothing
    ${If} $R6 P<> $R2
      IntPtrOp $0 $R6 - 2
      System::Call "*$0(&i2 .r1)"
    ${EndIf}
    IntOp $2 $R7 * 2
    IntPtrOp $0 $R6 + $2
    System::Call "*$0(&i2 .r2)"
    ${If} $1 = 59
      ${If} $2 = 0
      ${OrIf} $2 = 59
        ${Break}
      ${EndIf}
    ${EndIf}
    IntPtrOp $R6 $R6 + 2
  ${Loop}
!macroend

Function PathAdd
  !insertmacro PathOpen
  ${If} $R2 P<> 0
    !insertmacro PathFind
    ${If} $R6 P= 0
      System::Call "kernel32::lstrlenW(p R2) i .r0"
      ${If} $0 > 0 ; also after a semicolon, so that taking both away leaves what was
        System::Call "kernel32::lstrcatW(p R2, w ';')"
      ${EndIf}
      System::Call "kernel32::lstrcatW(p R2, w R0)"
      !insertmacro PathWrite
    ${EndIf}
  ${EndIf}
  !insertmacro PathClose
FunctionEnd

!macro DefinePathRemove un
  Function ${un}PathRemove
    !insertmacro PathOpen
    ${If} $R2 P<> 0
      !insertmacro PathFind
      ${If} $R6 P<> 0
        IntOp $0 $R7 * 2
        IntPtrOp $R8 $R6 + $0 ; what is behind
        ${If} $R6 P<> $R2
          IntPtrOp $R6 $R6 - 2 ; the semicolon goes too, the one before or the one behind
        ${Else}
          System::Call "*$R8(&i2 .r1)"
          ${If} $1 = 59
            IntPtrOp $R8 $R8 + 2
          ${EndIf}
        ${EndIf}
        System::Call "kernel32::lstrlenW(p R8) i .r0"
        IntOp $0 $0 + 1
        IntOp $0 $0 * 2
        System::Call "ntdll::RtlMoveMemory(p R6, p R8, p r0)"
        !insertmacro PathWrite
      ${EndIf}
    ${EndIf}
    !insertmacro PathClose
  FunctionEnd
!macroend
!insertmacro DefinePathRemove ""
!insertmacro DefinePathRemove "un."
