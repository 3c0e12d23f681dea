/**
 * pawscope.config.json: options for those who do not want to type them each time (docs/configuration.md). Its keys are
 * the long names of options, either for all commands that have them or under the name of one command. Values pass
 * through the same parsers as flags; flags win.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { type Command, InvalidArgumentError, type Option } from 'commander';
import { didYouMean } from '../../base/did-you-mean.ts';
import { reasonOf } from '../../base/system-errors.ts';
import { columns } from '../../report/columns.ts';
import { printable } from '../../report/printable.ts';
import { Exit, UsageError } from '../exit.ts';
import { configurable, DATABASE_KEY, keyOf, kindOf, takesDatabase } from '../option-kinds.ts';
import { writeOut } from '../output.ts';

export const CONFIG_FILE = 'pawscope.config.json';

interface Config {
  /** The path as messages name it: relative to the working directory where that is shorter. */
  name: string;
  folder: string;
  content: Record<string, unknown>;
}

/** The value that the file has for one option, and its key there. */
interface Entry {
  value: unknown;
  /** For example `db` for all commands, or `analyze.db` for one. */
  key: string;
}

/**
 * Applies the configuration file to the options of a command that no flag sets and, if the command takes a database as
 * its argument and got none, to that argument (`given[0]`). Returns an exit status if --show-config asked only for the
 * options in effect, else undefined.
 */
export async function configure(command: Command, given: unknown[]): Promise<number | undefined> {
  const { config, showConfig } = command.opts<{ config?: string | false; showConfig?: boolean }>();
  if (!command.options.some(option => option.long === '--config')) return undefined;
  const file = config === false ? undefined : readConfig(config);
  const origins = new Map<string, string>();
  if (file !== undefined) {
    checkKeys(file, command.parent!);
    for (const option of command.options.filter(configurable)) applyOption(file, command, option, origins);
    if (takesDatabase(command)) applyDatabase(file, command, given, origins);
  }
  if (showConfig !== true) return undefined;
  await writeOut([shown(command, given, origins)]);
  return Exit.DONE;
}

/** Reads the file given by --config, else the nearest one; undefined if there is none. */
function readConfig(named: string | undefined): Config | undefined {
  const path = named === undefined ? nearest(process.cwd()) : resolve(named);
  if (path === undefined) return undefined;
  const short = relative(process.cwd(), path);
  const name = named ?? (short.length < path.length ? short : path);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`${name}: cannot be read: ${reasonOf(error)}`);
  }
  let content: unknown;
  try {
    content = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw new UsageError(`${name} is not JSON: ${(error as Error).message.replace(/\s+/g, ' ')}`);
  }
  if (!isObject(content)) throw new UsageError(`${name} must contain an object, such as { "time-wait": 120 }`);
  return { name, folder: dirname(path), content };
}

/**
 * The path of the nearest configuration file, looked for from `from` upwards to the root of the repository or else to
 * the home directory; outside of both, only in `from`. Files in directories that everybody may write to are skipped
 * (`mayDecide`).
 */
function nearest(from: string): string | undefined {
  const above: string[] = [];
  for (let folder = from; ; folder = dirname(folder)) {
    above.push(folder);
    if (existsSync(join(folder, '.git')) || folder === homedir()) break;
    if (folder === dirname(folder)) {
      above.length = 1;
      break;
    }
  }
  return above.map(folder => join(folder, CONFIG_FILE)).find(path => existsSync(path) && mayDecide(path));
}

/**
 * False for a file that another user may have planted: in a directory that everybody may write to, such as /tmp, only
 * files of this user, or of the user who called sudo, count.
 */
function mayDecide(path: string): boolean {
  const isOpen = (statSync(dirname(path)).mode & 0o002) !== 0;
  if (!isOpen) return true;
  const { uid } = statSync(path);
  return uid === process.geteuid?.() || String(uid) === process.env.SUDO_UID;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Ignored here: `$schema` tells editors where the schema is. */
const SCHEMA_KEY = '$schema';

const keysOf = (command: Command): string[] => [
  ...command.options.filter(configurable).map(keyOf),
  ...(takesDatabase(command) ? [DATABASE_KEY] : []),
];

/** Throws a UsageError for a key that no command knows, also in the sections of other commands than the current one. */
function checkKeys({ name, content }: Config, program: Command): void {
  const commands = program.commands.filter(command => keysOf(command).length > 0);
  const all = [...new Set(commands.flatMap(keysOf))];
  for (const [key, value] of Object.entries(content)) {
    if (key === SCHEMA_KEY || all.includes(key)) continue;
    const command = commands.find(each => each.name() === key);
    if (command === undefined) throw unknownKey(name, key, [...all, ...commands.map(each => each.name())]);
    if (!isObject(value))
      throw new UsageError(`${name}: ${key} is a command; its value must be an object of its options`);
    const own = keysOf(command);
    for (const inner of Object.keys(value)) if (!own.includes(inner)) throw unknownKey(name, inner, own, key);
  }
}

function unknownKey(name: string, key: string, known: readonly string[], command?: string): UsageError {
  const where = command === undefined ? `there is no option ${key}` : `${command} has no option ${key}`;
  const hint = didYouMean(key.replace(/^--?/, '').replaceAll('_', '-'), known) ?? `there are ${known.join(', ')}`;
  return new UsageError(printable(`${name}: ${where}; ${hint}`));
}

/** The entry for `key`; the section of the command takes precedence over the keys for all commands. */
function entryOf({ content }: Config, command: Command, key: string): Entry | undefined {
  const own = content[command.name()];
  if (isObject(own) && own[key] !== undefined) return { value: own[key], key: `${command.name()}.${key}` };
  return content[key] === undefined ? undefined : { value: content[key], key };
}

function applyOption(file: Config, command: Command, option: Option, origins: Map<string, string>): void {
  const key = keyOf(option);
  const entry = entryOf(file, command, key);
  if (entry === undefined || command.getOptionValueSource(option.attributeName()) === 'cli') return;
  command.setOptionValueWithSource(option.attributeName(), parsed(file, option, entry), 'config');
  origins.set(key, file.name);
}

function parsed(file: Config, option: Option, { value, key }: Entry): unknown {
  const { wants, repeats, path } = kindOf(option);
  const refuse = (meant: string): UsageError =>
    new UsageError(printable(`${file.name}: ${key} is ${JSON.stringify(value)}, but must be ${meant}`));
  if (wants === 'flag') {
    if (typeof value !== 'boolean') throw refuse('true or false');
    return value || undefined;
  }
  const list = repeats && Array.isArray(value) ? value : [value];
  let result: unknown = repeats ? undefined : option.defaultValue;
  for (const item of list) {
    const isRight = wants === 'number' ? typeof item === 'number' : wants === 'text' ? typeof item === 'string' : true;
    if (!isRight || (typeof item !== 'string' && typeof item !== 'number')) {
      const one = wants === 'number' ? 'a number' : wants === 'text' ? 'a text' : 'a number or a text';
      throw refuse(repeats ? `${one} or a list of them` : one);
    }
    const text = path ? located(file, String(item)) : String(item);
    try {
      result = option.parseArg === undefined ? text : option.parseArg(text, result as never);
    } catch (error) {
      if (error instanceof InvalidArgumentError)
        throw new UsageError(printable(`${file.name}: ${key}: ${JSON.stringify(item)} is invalid. ${error.message}`));
      throw error;
    }
  }
  return result;
}

/** A path from the file, which is relative to the folder of the file, made relative to the working directory. */
function located({ folder }: Config, path: string): string {
  if (path === ':memory:' || path === '-' || isAbsolute(path)) return path;
  return relative(process.cwd(), join(folder, path)) || '.';
}

function applyDatabase(file: Config, command: Command, given: unknown[], origins: Map<string, string>): void {
  const entry = command.args.length > 0 ? undefined : entryOf(file, command, DATABASE_KEY);
  if (entry === undefined) return;
  if (typeof entry.value !== 'string') {
    throw new UsageError(`${file.name}: ${entry.key} is ${JSON.stringify(entry.value)}, but must be a text`);
  }
  given[0] = located(file, entry.value);
  origins.set(DATABASE_KEY, file.name);
}

function shown(command: Command, given: readonly unknown[], origins: ReadonlyMap<string, string>): string {
  const rows = command.options.filter(configurable).map(option => {
    const source = command.getOptionValueSource(option.attributeName());
    const value = command.getOptionValue(option.attributeName());
    return [keyOf(option), valueText(value), source === 'cli' ? 'flag' : (origins.get(keyOf(option)) ?? 'default')];
  });
  if (takesDatabase(command)) {
    const origin = command.args.length > 0 ? 'argument' : (origins.get(DATABASE_KEY) ?? 'default');
    rows.unshift([DATABASE_KEY, valueText(given[0]), origin]);
  }
  return `${columns([['option', 'value', 'from'], ...rows], [], '').join('\n')}\n`;
}

function valueText(value: unknown): string {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return '-';
  if (Array.isArray(value)) {
    const isRange = value.length === 2 && value.every(each => typeof each === 'number');
    return isRange ? value.join('-') : value.map(valueText).join(',');
  }
  if (isObject(value)) {
    if (typeof value.text === 'string') return value.text;
    return Object.entries(value)
      .map(([name, each]) => `${name}=${each}`)
      .join(',');
  }
  return value === false ? 'never' : printable(String(value));
}
