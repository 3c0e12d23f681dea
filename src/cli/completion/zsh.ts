import { type Completed, type CompletedOption, quoted, type Values } from './tables.ts';

export function zshScript(commands: readonly Completed[]): string {
  return `#compdef pawscope
# Completion of pawscope for zsh: pawscope completion zsh > a folder of $fpath/_pawscope
_pawscope() {
  local curcontext=$curcontext state line
  typeset -A opt_args
  local -a commands
  commands=(
${commands.map(({ name, summary }) => `    ${text(`${name}:${summary}`)}`).join('\n')}
  )
  _arguments -C '(- *)'{-V,--version}'[print the version]' '(- *)'{-h,--help}'[print help]' '1: :->command' '*:: :->rest'
  case $state in
    command) _describe -t commands 'command of pawscope' commands ;;
    rest)
      case $words[1] in
${commands.map(caseOf).join('\n')}
      esac ;;
  esac
}
if [[ $funcstack[1] == _pawscope ]]; then _pawscope "$@"; else compdef _pawscope pawscope; fi
`;
}

const text = (words: string): string => quoted(words, 'posix');

function caseOf({ name, options, argument }: Completed): string {
  const specs = options.flatMap(spec);
  if (argument !== undefined) specs.push(text(`*: :${action(argument)}`));
  return `        ${name}) _arguments -s -S \\\n${specs.map(each => `          ${each}`).join(' \\\n')} ;;`;
}

/** Specifications for _arguments. Every option is marked as repeatable (*): most are, and for none is it an error. */
function spec({ long, short, description, values }: CompletedOption): string[] {
  const about = `[${description.replace(/[[\]\\:]/g, '\\$&')}]`;
  const value = values === undefined ? '' : `: :${action(values)}`;
  return [
    text(`*${long}${values === undefined ? '' : '='}${about}${value}`),
    ...(short === undefined ? [] : [text(`*${short}${values === undefined ? '' : '+'}${about}${value}`)]),
  ];
}

function action(values: Values): string {
  switch (values) {
    case 'files':
      return '_files';
    case 'users':
      return '_users';
    case 'interfaces':
      return '_net_interfaces';
    case 'nothing':
      return ' ';
  }
  const words = values.words.map(word => word.replace(/[:\\]/g, '\\$&')).join(' ');
  if (values.list) return `_values -s , word ${words}`;
  return values.open ? `compadd -S "" -- ${words}` : `(${words})`;
}
