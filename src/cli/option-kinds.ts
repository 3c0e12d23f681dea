/**
 * What kind of value an option takes, derived from the option itself: for the configuration file, its schema and shell
 * completion.
 */
import type { Command, Option } from 'commander';
import { repeats, wants } from './values.ts';

export interface Kind {
  wants: 'flag' | 'number' | 'text' | 'number or text';
  /** The option may be given several times. */
  repeats: boolean;
  /** The value names a file. */
  path: boolean;
}

/** Options that no configuration file can set: what they do must be requested each time. */
const NEVER = ['config', 'show-config', 'update', 'read', 'output', 'compare', 'help', 'version'];

/** The long name of an option without its dashes. */
export const keyOf = (option: Option): string => (option.long ?? '').replace(/^--/, '');

export const configurable = (option: Option): boolean => !option.negate && !NEVER.includes(keyOf(option));

export const isPath = (option: Option): boolean => /<(file|database)>/.test(option.flags);

export const kindOf = (option: Option): Kind => ({
  wants: option.isBoolean() ? 'flag' : wants(option.parseArg),
  repeats: repeats(option.parseArg),
  path: isPath(option),
});

/** The key for an argument that names a database; other commands have it as the option --db. */
export const DATABASE_KEY = 'db';

export const takesDatabase = (command: Command): boolean => command.registeredArguments[0]?.name() === 'database';
