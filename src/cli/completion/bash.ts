/** Completion for Bash 3.2 and newer; does not need the package bash-completion. */
import type { Completed, CompletedOption, Values } from './tables.ts';

export function bashScript(commands: readonly Completed[]): string {
  return `# Completion of pawscope for bash: source <(pawscope completion bash)
_pawscope_add() { # what compgen finds, each line a reply
  local reply
  while IFS= read -r reply; do COMPREPLY+=("$reply"); done < <(compgen "$@")
}
_pawscope_files() {
  compopt -o filenames 2>/dev/null
  _pawscope_add -f -- "$cur"
}
_pawscope_list() { # words separated by commas
  local before=
  [[ $cur == *,* ]] && before=\${cur%,*},
  compopt -o nospace 2>/dev/null
  _pawscope_add -P "$before" -W "$1" -- "\${cur##*,}"
}
_pawscope_open() { # bash takes = for a word of its own: what follows it is not completed
  compopt -o nospace 2>/dev/null
  _pawscope_add -W "$1" -- "$cur"
}
_pawscope() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} command= i
  COMPREPLY=()
  if [[ $cur == = ]]; then cur=
  elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i]} in
      ${commands.map(({ name }) => name).join('|')}) command=\${COMP_WORDS[i]}; break ;;
    esac
  done
  case $command:$prev in
${commands.flatMap(command => command.options.flatMap(option => valueCase(command, option))).join('\n')}
  esac
  if [[ $cur == -* ]]; then
    case $command in
${commands.map(({ name, options }) => `      ${name}) _pawscope_add -W '${options.map(({ long }) => long).join(' ')}' -- "$cur" ;;`).join('\n')}
      *) _pawscope_add -W '--help --version' -- "$cur" ;;
    esac
    return
  fi
  case $command in
${commands.map(({ name, argument }) => `    ${name}) ${argument === undefined ? ':' : reply(argument)} ;;`).join('\n')}
    *) _pawscope_add -W '${commands.map(({ name }) => name).join(' ')} help' -- "$cur" ;;
  esac
}
complete -F _pawscope pawscope
`;
}

function valueCase({ name }: Completed, { long, short, values }: CompletedOption): string[] {
  if (values === undefined) return [];
  const flags = [long, ...(short === undefined ? [] : [short])].map(flag => `${name}:${flag}`);
  return [`    ${flags.join('|')}) ${reply(values)}; return ;;`];
}

function reply(values: Values): string {
  switch (values) {
    case 'files':
      return '_pawscope_files';
    case 'users':
      return '_pawscope_add -u -- "$cur"';
    case 'interfaces':
      return '_pawscope_add -W "any $(ls /sys/class/net 2>/dev/null)" -- "$cur"';
    case 'nothing':
      return ':';
  }
  const words = `'${values.words.join(' ')}'`;
  if (values.list) return `_pawscope_list ${words}`;
  return values.open ? `_pawscope_open ${words}` : `_pawscope_add -W ${words} -- "$cur"`;
}
