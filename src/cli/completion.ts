/**
 * `pawscope completion`: the script with which a shell completes commands, options and their values, made from the
 * option tables.
 */
import type { Argument, Command, Option } from 'commander';
import { SYSCTLS } from '../detect/what-if/profile.ts';
import { bashScript } from './completion/bash.ts';
import { fishScript } from './completion/fish.ts';
import type { Completed, Values } from './completion/tables.ts';
import { zshScript } from './completion/zsh.ts';
import { Exit } from './exit.ts';
import { allOptions } from './help/help-format.ts';
import { isPath } from './option-kinds.ts';
import type { SHELLS } from './options.ts';
import { writeOut } from './output.ts';
import { rules } from './rules.ts';

const SCRIPTS: Readonly<Record<(typeof SHELLS)[number], (commands: readonly Completed[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

export async function completion(shell: (typeof SHELLS)[number], program: Command): Promise<number> {
  await writeOut([SCRIPTS[shell](program.commands.map(completed))]);
  return Exit.DONE;
}

const completed = (command: Command): Completed => ({
  name: command.name(),
  summary: command.summary(),
  options: allOptions(command).map(option => ({
    long: option.long!,
    short: option.short,
    description: option.description,
    values: option.required || option.optional ? valuesOf(option) : undefined,
  })),
  argument: command.registeredArguments[0] && argumentValues(command.registeredArguments[0]),
});

function valuesOf(option: Option): Values {
  if (option.argChoices !== undefined) return { words: option.argChoices };
  if (isPath(option)) return 'files';
  if (option.flags.includes('<ids>')) return { words: ruleIds(), list: true };
  if (option.flags.includes('<rule=n>')) return { words: ruleIds().map(id => `${id}=`), open: true };
  if (option.flags.includes('<name=value>')) return { words: Object.keys(SYSCTLS).map(name => `${name}=`), open: true };
  if (option.flags.startsWith('-i,')) return 'interfaces';
  return option.flags.includes('<user>') ? 'users' : 'nothing';
}

function argumentValues(argument: Argument): Values {
  if (argument.argChoices !== undefined) return { words: argument.argChoices };
  if (argument.name() === 'rule or finding') return { words: ruleIds() };
  return argument.name() === 'filter' ? 'nothing' : 'files';
}

const ruleIds = (): string[] => rules().map(({ id }) => id);
