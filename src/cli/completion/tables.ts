/** What is completed, whatever the shell. */

export type Values =
  | {
      words: readonly string[];
      /** Several of them, separated by commas. */
      list?: true;
      /** Something follows the word at once. */
      open?: true;
    }
  | 'files'
  | 'interfaces'
  | 'users'
  | 'nothing';

export interface CompletedOption {
  long: string;
  short: string | undefined;
  description: string;
  /** Undefined: it takes none. */
  values: Values | undefined;
}

export interface Completed {
  name: string;
  summary: string;
  options: readonly CompletedOption[];
  argument: Values | undefined;
}

/** Between single quotes of any of these shells; fish knows `\'`, the others leave the quotes for it. */
export const quoted = (text: string, shell: 'posix' | 'fish'): string =>
  shell === 'fish' ? `'${text.replace(/[\\']/g, '\\$&')}'` : `'${text.replaceAll("'", "'\\''")}'`;
