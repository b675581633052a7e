; The installer for Windows, for one user and without an administrator.
;   setup.exe [/S] [/PATH=0|1] [/STARTMENU=0|1] [/FILETYPES=0|1] [/D=FOLDER, last and unquoted]
; Options that are not given keep what the last installation chose, at first 1. Exit status: 0 done,
; 1 cancelled, 2 failed, 3 Tinamou is running there.
; Made by ./build, which defines VERSION NUMBERS LICENCE ICON LISTS OUT COMPRESSOR and maybe TARGET.
Unicode true
!ifdef TARGET
  Target ${TARGET}
!endif
SetCompressor /SOLID ${COMPRESSOR}
!if ${COMPRESSOR} == lzma
  SetCompressorDictSize 32
!endif
!include MUI2.nsh
!include FileFunc.nsh
!include LogicLib.nsh
!include TextFunc.nsh
!include WinMessages.nsh
!include x64.nsh
!include "path.nsh"

!define UNINSTALL_KEY "Software\Microsoft\Windows\CurrentVersion\Uninstall\Tinamou"
!define OPTIONS_KEY "Software\Tinamou\Setup"
!define CLASSES "Software\Classes"
!define LINK "$SMPROGRAMS\Tinamou.lnk"

Name "Tinamou"
OutFile "${OUT}"
RequestExecutionLevel user
InstallDir "$LOCALAPPDATA\Programs\Tinamou"
InstallDirRegKey HKCU "${OPTIONS_KEY}" "Folder"
ManifestDPIAware true
ManifestSupportedOS Win10
VIProductVersion ${NUMBERS}
VIAddVersionKey ProductName "Tinamou"
VIAddVersionKey ProductVersion "${VERSION}"
VIAddVersionKey FileVersion "${VERSION}"
VIAddVersionKey FileDescription "Tinamou setup"
VIAddVersionKey LegalCopyright "MIT license"

!define MUI_ICON "${ICON}"
!define MUI_UNICON "${ICON}"
!define MUI_ABORTWARNING
!define MUI_FINISHPAGE_RUN "$INSTDIR\tinamouw.exe"
!define MUI_FINISHPAGE_RUN_TEXT "Start Tinamou and its built-in guest"
!insertmacro MUI_PAGE_LICENSE "${LICENCE}"
!insertmacro MUI_PAGE_COMPONENTS
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE English

; The system refuses to open a program for writing while it runs: that needs no help from it.
!macro DefineRefuseRunning un
  Function ${un}RefuseRunning
    ${Do}
      StrCpy $R1 0
      ${ForEach} $R0 0 1 + 1
        StrCpy $R2 "$INSTDIR\tinamou.exe"
        ${If} $R0 = 1
          StrCpy $R2 "$INSTDIR\tinamouw.exe"
        ${EndIf}
        ${If} ${FileExists} $R2
          ClearErrors
          FileOpen $R3 $R2 a
          ${If} ${Errors}
            StrCpy $R1 1
          ${Else}
            FileClose $R3
          ${EndIf}
        ${EndIf}
      ${Next}
      ${If} $R1 = 0
        ${Break}
      ${EndIf}
      MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION \
        "Tinamou is running. Shut its guests down first, then try again." /SD IDCANCEL IDRETRY +3
      SetErrorLevel 3
      Quit
    ${Loop}
  FunctionEnd
!macroend
!insertmacro DefineRefuseRunning ""
!insertmacro DefineRefuseRunning "un."

; Removes what the version that is there has installed, by its own list, so that nothing stays that
; this one does not have. The list holds file names below the folder, one a line.
Function RemoveOldFiles
  ClearErrors
  FileOpen $R0 "$INSTDIR\installed.txt" r
  ${If} ${Errors}
    Return
  ${EndIf}
  ${Do}
    ClearErrors
    FileRead $R0 $R1
    ${If} ${Errors}
      ${Break}
    ${EndIf}
    ${TrimNewLines} $R1 $R1
    ${If} $R1 != ""
    ${AndIf} $R1 != "installed.txt" ; it is open, and will be replaced
      Delete "$INSTDIR\$R1"
    ${EndIf}
  ${Loop}
  FileClose $R0
FunctionEnd

Function RefuseErrors
  ${If} ${Errors}
    DetailPrint "A file could not be written to $INSTDIR."
    Abort
  ${EndIf}
FunctionEnd

; A file that cannot be extracted ends the installation where it is.
Function .onInstFailed
  SetOutPath "$TEMP"
  RMDir /r "$INSTDIR\new"
  RMDir "$INSTDIR" ; only when nothing else is in it
  SetErrorLevel 2
FunctionEnd

; All is extracted beside what is there before that is touched: a disk that gets full leaves the
; version that was there.
Section "Tinamou" section_program
  SectionIn RO
  Call RefuseRunning
  SetShellVarContext current
  RMDir /r "$INSTDIR\new"
  ClearErrors
  !include "${LISTS}/install.nsh"
  WriteUninstaller "$INSTDIR\new\uninstall.exe"
  Call RefuseErrors
  Call RemoveOldFiles
  Delete "$INSTDIR\uninstall.exe"
  SetOutPath "$INSTDIR"
  ClearErrors
  !include "${LISTS}/move.nsh"
  Rename "$INSTDIR\new\uninstall.exe" "$INSTDIR\uninstall.exe"
  Call RefuseErrors
  RMDir /r "$INSTDIR\new"
  WriteRegStr HKCU "${OPTIONS_KEY}" "Folder" "$INSTDIR"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayName" "Tinamou"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayVersion" "${VERSION}"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayIcon" "$INSTDIR\tinamouw.exe,0"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "Publisher" "The Tinamou contributors"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "InstallLocation" "$INSTDIR"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "UninstallString" '"$INSTDIR\uninstall.exe"'
  WriteRegStr HKCU "${UNINSTALL_KEY}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
  WriteRegDWORD HKCU "${UNINSTALL_KEY}" "NoModify" 1
  WriteRegDWORD HKCU "${UNINSTALL_KEY}" "NoRepair" 1
  ${GetSize} "$INSTDIR" "/S=0K" $0 $1 $2
  WriteRegDWORD HKCU "${UNINSTALL_KEY}" "EstimatedSize" $0
SectionEnd

!macro RemoveStartMenu
  Delete "${LINK}"
!macroend

; "Open with" only: what opens a disk image by default stays as it is.
!macro RemoveFileTypes
  DeleteRegValue HKCU "${CLASSES}\.elf\OpenWithProgids" "Tinamou.Image"
  DeleteRegKey /ifempty HKCU "${CLASSES}\.elf\OpenWithProgids"
  DeleteRegKey /ifempty HKCU "${CLASSES}\.elf"
  DeleteRegValue HKCU "${CLASSES}\.img\OpenWithProgids" "Tinamou.Image"
  DeleteRegKey /ifempty HKCU "${CLASSES}\.img\OpenWithProgids"
  DeleteRegKey /ifempty HKCU "${CLASSES}\.img"
  DeleteRegKey HKCU "${CLASSES}\Tinamou.Image"
  System::Call "shell32::SHChangeNotify(i 0x08000000, i 0, p 0, p 0)"
!macroend

Section "Start menu entry" section_start_menu
  SetShellVarContext current
  SetOutPath "$INSTDIR"
  CreateShortCut "${LINK}" "$INSTDIR\tinamouw.exe" "" "$INSTDIR\tinamouw.exe" 0
SectionEnd

Section "Commands in every terminal (PATH)" section_path
  StrCpy $R0 "$INSTDIR"
  Call PathAdd
SectionEnd

Section "Open .elf and .img files with it" section_file_types
  WriteRegStr HKCU "${CLASSES}\Tinamou.Image" "" "riscv64 program or disk image"
  WriteRegStr HKCU "${CLASSES}\Tinamou.Image\DefaultIcon" "" "$INSTDIR\tinamouw.exe,0"
  WriteRegStr HKCU "${CLASSES}\Tinamou.Image\shell\open\command" "" \
    '"$INSTDIR\tinamouw.exe" "%1"'
  WriteRegStr HKCU "${CLASSES}\.elf\OpenWithProgids" "Tinamou.Image" ""
  WriteRegStr HKCU "${CLASSES}\.img\OpenWithProgids" "Tinamou.Image" ""
  System::Call "shell32::SHChangeNotify(i 0x08000000, i 0, p 0, p 0)"
SectionEnd

; Remembers what was chosen, and takes back what an earlier installation had chosen otherwise.
!macro KeepOption section name otherwise
  ${If} ${SectionIsSelected} ${section}
    WriteRegDWORD HKCU "${OPTIONS_KEY}" "${name}" 1
  ${Else}
    WriteRegDWORD HKCU "${OPTIONS_KEY}" "${name}" 0
    ${otherwise}
  ${EndIf}
!macroend

Section "-options"
  SetShellVarContext current
  !insertmacro KeepOption ${section_start_menu} StartMenu "!insertmacro RemoveStartMenu"
  StrCpy $R0 "$INSTDIR"
  !insertmacro KeepOption ${section_path} Path "Call PathRemove"
  !insertmacro KeepOption ${section_file_types} FileTypes "!insertmacro RemoveFileTypes"
SectionEnd

; Selects a section by the command line, else by what is remembered, else as it stands.
!macro TakeOption section name argument
  ClearErrors
  ${GetParameters} $R0
  ${GetOptions} $R0 "/${argument}=" $R1
  ${If} ${Errors}
    ClearErrors
    ReadRegDWORD $R1 HKCU "${OPTIONS_KEY}" "${name}"
    ${If} ${Errors}
      StrCpy $R1 1
    ${EndIf}
  ${EndIf}
  ${If} $R1 = 0
    !insertmacro UnselectSection ${section}
  ${EndIf}
!macroend

Function .onInit
  ${IfNot} ${RunningX64}
    MessageBox MB_OK|MB_ICONSTOP "Tinamou needs a 64-bit Windows." /SD IDOK
    SetErrorLevel 2
    Quit
  ${EndIf}
  !insertmacro TakeOption ${section_start_menu} StartMenu STARTMENU
  !insertmacro TakeOption ${section_path} Path PATH
  !insertmacro TakeOption ${section_file_types} FileTypes FILETYPES
FunctionEnd

; Machines, settings and logs are the user's: they stay.
Section "Uninstall"
  Call un.RefuseRunning
  SetShellVarContext current
  StrCpy $R0 "$INSTDIR"
  Call un.PathRemove
  !insertmacro RemoveStartMenu
  !insertmacro RemoveFileTypes
  Delete "$INSTDIR\uninstall.exe"
  !include "${LISTS}/uninstall.nsh"
  RMDir "$LOCALAPPDATA\Programs" ; only when nothing else is in it
  DeleteRegKey HKCU "${UNINSTALL_KEY}"
  DeleteRegKey HKCU "${OPTIONS_KEY}"
  DeleteRegKey /ifempty HKCU "Software\Tinamou"
SectionEnd
