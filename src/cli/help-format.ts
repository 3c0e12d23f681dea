/** How --help looks: one screen. What does not fit is in the manual page, which is made of the same tables. */
import { type Command, Help, type HelpConfiguration, type Option } from 'commander';

/** More words than this are named by the first and the last of them; a wrong one gets the whole list. */
const FEW = 8;

export function optionText({ description, argChoices, defaultValue, defaultValueDescription }: Option): string {
  const words =
    argChoices === undefined
      ? ''
      : `: ${argChoices.length > FEW ? `${argChoices[0]} … ${argChoices.at(-1)}` : argChoices.join(', ')}`;
  const isSet = defaultValue !== undefined && !(Array.isArray(defaultValue) && defaultValue.length === 0);
  const standard = defaultValueDescription ?? (isSet ? String(defaultValue) : undefined);
  return `${description}${words}${isSet && standard !== undefined ? ` (default: ${standard})` : ''}`;
}

/** With --help, which is no entry of the table. */
export const allOptions = (command: Command): readonly Option[] => new Help().visibleOptions(command);

/** Options that a command shares with analyze, and that its own help need not tell again. */
export const sharedWithAnalyze = (command: Command): readonly Option[] => {
  const analyze =
    command.name() === 'live' ? command.parent?.commands.find(each => each.name() === 'analyze') : undefined;
  return analyze === undefined
    ? []
    : command.options.filter(({ long }) => analyze.options.some(other => other.long === long && long !== '--db'));
};

/** Longer terms push their own description to the right, and no other's. */
const MAX_TERM = 22;
/** Told with the option that they deny. */
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
