#!/usr/bin/env python3
"""Writes the manual page and the shells' completions out of the program's own help text.

usage: generate.py man|bash|zsh|fish HELP_TEXT IMG_HELP_TEXT [TEMPLATE]
The help texts are those that the tests compare with what the program prints. They are read instead
of the program, because a program that was cross-built cannot be asked.
"""
import re
import sys

FILE_OPTIONS = {"bios", "kernel", "initrd", "dtb", "pflash", "pidfile"}
LIST_OPTIONS = {"machine", "M", "cpu", "accel", "netdev", "device", "chardev"}
VERBS_WITH_FILE = {"run"}
SHELL_HEADER = "# Completions of tinamou; generated from its help text.\n"


def parse(text):
    """Verbs and options as (names, parameters, help)."""
    verbs, options, rows = [], [], None
    for line in text.splitlines():
        if line.startswith("Verbs:"):
            rows = verbs
        elif line.startswith("Options"):
            rows = options
        elif rows is not None and line.startswith("  "):
            left, right = split_row(line)
            words = left.split(" ")
            count = 1
            while words[count - 1].endswith(","):
                count += 1
            names = [word.strip(",").lstrip("-") for word in words[:count]]
            rows.append((names, " ".join(words[count:]), right))
    if len(verbs) < 5 or len(options) < 20:
        sys.exit(f"generate.py: only {len(verbs)} verbs and {len(options)} options in the help")
    return verbs, options


def split_row(line):
    """A row has a column for names and parameters; what is too long for it has one space behind."""
    row = line[2:]
    found = re.match(r"(.*?\S) {2,}(\S.*)$", row)
    if found:
        return found.groups()
    return (row[:32], row[33:]) if row[32:33] == " " else split_long(row)


def split_long(row):
    """Parameters are upper-case words, or such in brackets; the help begins with a small letter."""
    found = re.match(r"(\S+(?: (?:\[.*\]|[A-Z]\S*))*) ([a-z].*)$", row)
    if not found:
        sys.exit(f"generate.py: cannot read the row '{row}'")
    return found.groups()


def parse_img(text):
    """The verbs of the image tool: two lines each, name and help, then parameters."""
    verbs = [([name], parameters, help_text) for name, help_text, parameters in
             re.findall(r"^  (\w+) +(\S.*)\n {12}(\S.*)$", text, re.MULTILINE)]
    if len(verbs) < 10:
        sys.exit(f"generate.py: only {len(verbs)} verbs of the image tool in its help")
    return verbs


def roff(text):
    return re.sub(r"^([.'])", r"\\&\1", text.replace("\\", "\\e").replace("-", "\\-"))


def man(verbs, options, img_verbs, template):
    def item(names, parameters, text, flags):
        names = " , ".join(f"Fl {name}" for name in names) if flags else f"Cm {names[0]}"
        return f".It {names}{f' Ar {roff(parameters)}' if parameters else ''}\n{roff(text)}\n"
    text = template.replace("@VERBS@\n", "".join(item(*verb, False) for verb in verbs))
    text = text.replace("@IMG_VERBS@\n", "".join(item(*verb, False) for verb in img_verbs))
    return text.replace("@OPTIONS@\n", "".join(item(*option, True) for option in options))


def bash(verbs, options, img_verbs):
    img_words = " ".join(name for names, _, _ in img_verbs for name in names)
    words = " ".join(name for names, _, _ in verbs for name in names)
    flags = " ".join(f"-{name}" for names, _, _ in options for name in names)
    files = "|".join(f"-{name}" for name in sorted(FILE_OPTIONS))
    lists = "|".join(f"-{name}" for name in sorted(LIST_OPTIONS))
    free = "|".join(f"-{name}" for names, parameters, _ in options for name in names
                    if parameters and name not in FILE_OPTIONS | LIST_OPTIONS)
    return SHELL_HEADER + f"""_tinamou() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}}
    COMPREPLY=()
    case $before in
        {files}) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
        {lists}) mapfile -t COMPREPLY < <(compgen -W help -- "$word") ;;
        {free}) ;;
        *)
            if [[ $word == -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W "{flags}" -- "$word")
            elif [ "$COMP_CWORD" -eq 1 ]; then
                mapfile -t COMPREPLY < <(compgen -W "{words}" -- "$word")
            elif [ "$COMP_CWORD" -eq 2 ] && [ "$before" = img ]; then
                mapfile -t COMPREPLY < <(compgen -W "{img_words}" -- "$word")
            else
                mapfile -t COMPREPLY < <(compgen -f -- "$word")
            fi ;;
    esac
}}
complete -o filenames -F _tinamou tinamou tinamouw
"""


def quoted(text):
    return text.replace("'", "'\\''")


def zsh(verbs, options, img_verbs):
    def spec(names, parameters, text):
        text = quoted(re.sub(r"([\[\]:])", r"\\\1", text))
        for name in names:
            kind = ""
            if parameters:
                what = quoted(re.sub(r"[:\[\]]", "", parameters))
                action = ("_files" if name in FILE_OPTIONS else
                          "(help)" if name in LIST_OPTIONS else " ")
                kind = f":{what}:{action}"
            yield f"  '*-{name}[{text}]{kind}'"
    rows = " \\\n".join(row for option in options for row in spec(*option))
    words, img_words = ("\n".join(f"    '{names[0]}:{quoted(text)}'" for names, _, text in rows)
                        for rows in (verbs, img_verbs))
    return "#compdef tinamou tinamouw\n" + SHELL_HEADER + f"""_tinamou_verbs() {{
  local -a verbs
  verbs=(
{words}
  )
  _describe verb verbs
}}
_tinamou_second() {{
  local -a verbs
  verbs=(
{img_words}
  )
  if [[ $words[2] == img ]]; then _describe verb verbs; else _files; fi
}}
_arguments \\
{rows} \\
  '1:verb:_tinamou_verbs' \\
  '2:file or verb:_tinamou_second' \\
  '*:file:_files'
"""


def fish(verbs, options, img_verbs):
    lines = [f"complete -c tinamou -n '__fish_seen_subcommand_from img; and test (count "
             f"(commandline -opc)) -eq 2' -a {names[0]} -d '{fish_quoted(text)}'"
             for names, _, text in img_verbs]
    for names, _, text in verbs:
        lines.append(f"complete -c tinamou -n __fish_use_subcommand "
                     f"{'' if names[0] in VERBS_WITH_FILE else '-f '}"
                     f"-a {names[0]} -d '{fish_quoted(text)}'")
    for names, parameters, text in options:
        for name in names:
            value = ("" if not parameters else " -r -F" if name in FILE_OPTIONS else
                     " -x -a help" if name in LIST_OPTIONS else " -x")
            lines.append(f"complete -c tinamou -o {name}{value} -d '{fish_quoted(text)}'")
    return SHELL_HEADER + "\n".join(lines) + "\n"


def fish_quoted(text):
    return text.replace("\\", "\\\\").replace("'", "\\'")


def main():
    kind, help_text, img_help_text, *template = sys.argv[1:]
    with open(help_text, encoding="utf-8") as file:
        verbs, options = parse(file.read())
    with open(img_help_text, encoding="utf-8") as file:
        img_verbs = parse_img(file.read())
    if kind == "man":
        with open(template[0], encoding="utf-8") as file:
            text = man(verbs, options, img_verbs, file.read())
    else:
        text = {"bash": bash, "zsh": zsh, "fish": fish}[kind](verbs, options, img_verbs)
    sys.stdout.write(text)


main()
