/** What the value of an option is, read off the option itself: for the configuration file, its schema and completions. */
import type { Command, Option } from 'commander';
import { repeats, wants } from './values.ts';

export interface Kind {
  wants: 'flag' | 'number' | 'text' | 'number or text';
  /** It may be given several times. */
  repeats: boolean;
  /** It names a file. */
  path: boolean;
}

/** Options of the moment: what they do must be asked for each time. */
const NEVER = ['config', 'show-config', 'update', 'read', 'output', 'compare', 'help', 'version'];

/** The long name without its dashes. */
export const keyOf = (option: Option): string => (option.long ?? '').replace(/^--/, '');

export const configurable = (option: Option): boolean => !option.negate && !NEVER.includes(keyOf(option));

export const isPath = (option: Option): boolean => /<(file|database)>/.test(option.flags);

export const kindOf = (option: Option): Kind => ({
  wants: option.isBoolean() ? 'flag' : wants(option.parseArg),
  repeats: repeats(option.parseArg),
  path: isPath(option),
});

/** The key of the argument that names a database, which is the option --db of other commands. */
export const DATABASE_KEY = 'db';

export const takesDatabase = (command: Command): boolean => command.registeredArguments[0]?.name() === 'database';
