/** The format of --help: one screen. The manual page, made from the same tables, has the rest. */
import { type Command, Help, type HelpConfiguration, type Option } from 'commander';

/**
 * Most choices of an option that help lists. Of more it shows the first and the last; the error for a wrong one lists
 * all.
 */
const MAX_LISTED = 8;

export function optionText({ description, argChoices, defaultValue, defaultValueDescription }: Option): string {
  const words =
    argChoices === undefined
      ? ''
      : `: ${argChoices.length > MAX_LISTED ? `${argChoices[0]} … ${argChoices.at(-1)}` : argChoices.join(', ')}`;
  const isSet = defaultValue !== undefined && !(Array.isArray(defaultValue) && defaultValue.length === 0);
  const standard = defaultValueDescription ?? (isSet ? String(defaultValue) : undefined);
  return `${description}${words}${isSet && standard !== undefined ? ` (default: ${standard})` : ''}`;
}

/** All options, including --help, which commander adds and the table does not have. */
export const allOptions = (command: Command): readonly Option[] => new Help().visibleOptions(command);

/** Options that `live` shares with `analyze`, which its own help need not explain again. */
export const sharedWithAnalyze = (command: Command): readonly Option[] => {
  const analyze =
    command.name() === 'live' ? command.parent?.commands.find(each => each.name() === 'analyze') : undefined;
  return analyze === undefined
    ? []
    : command.options.filter(({ long }) => analyze.options.some(other => other.long === long && long !== '--db'));
};

/** Widest option column. A longer option moves its own description to the right, and no other. */
const MAX_TERM = 22;
/** Not listed: the description of the option that each negates names it. */
const IMPLIED = ['--no-color', '--no-config'];

export const HELP_FORMAT: HelpConfiguration = {
  padWidth(command, helper) {
    return Math.min(new Help().padWidth(command, helper), MAX_TERM);
  },
  subcommandTerm: command => command.name(),

  optionDescription: optionText,
  argumentDescription: ({ description, defaultValue }) =>
    defaultValue === undefined ? description : `${description} (default: ${defaultValue})`,
  visibleOptions(command) {
    const shared = sharedWithAnalyze(command);
    return allOptions(command).filter(option => !shared.includes(option) && !IMPLIED.includes(option.long ?? ''));
  },
};
