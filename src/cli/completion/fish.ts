import { type Completed, type CompletedOption, quoted, type Values } from './tables.ts';

const text = (words: string): string => quoted(words, 'fish');

export function fishScript(commands: readonly Completed[]): string {
  const lines = [
    '# Completion of pawscope for fish: pawscope completion fish > ~/.config/fish/completions/pawscope.fish',
    'complete -c pawscope -f',
    'complete -c pawscope -n __fish_use_subcommand -s V -l version -d "print the version"',
    'complete -c pawscope -n __fish_use_subcommand -s h -l help -d "print help"',
  ];
  for (const { name, summary, options, argument } of commands) {
    lines.push(`complete -c pawscope -n __fish_use_subcommand -a ${name} -d ${text(summary)}`);
    const within = `complete -c pawscope -n '__fish_seen_subcommand_from ${name}'`;
    for (const option of options) lines.push(`${within}${flags(option)} -d ${text(option.description)}`);
    if (argument !== undefined) lines.push(`${within}${reply(argument)}`);
  }
  return `${lines.join('\n')}\n`;
}

const flags = ({ long, short, values }: CompletedOption): string =>
  `${short === undefined ? '' : ` -s ${short.slice(1)}`} -l ${long.slice(2)}${values === undefined ? '' : `${values === 'files' ? ' -r' : ' -x'}${reply(values)}`}`;

function reply(values: Values): string {
  switch (values) {
    case 'files':
      return ' -F';
    case 'users':
      return ' -a "(__fish_complete_users)"';
    case 'interfaces':
      return ' -a "any (command ls /sys/class/net 2>/dev/null)"';
    case 'nothing':
      return '';
  }
  const words = values.words.join(' ');
  return values.list
    ? ` -a "(__fish_complete_list , 'string split \\" \\" ${text(words).slice(1, -1)}')"`
    : ` -a ${text(words)}`;
}
