/** The manual page and the schema of the configuration, as they should be. */
import { join } from 'node:path';
import type { Command } from 'commander';
import { configSchema } from '../../src/cli/config/config-schema.ts';
import { manual } from '../../src/cli/help/manual.ts';
import { createProgram } from '../../src/cli/program.ts';
import { rules } from '../../src/cli/rules.ts';
import { ROOT } from '../cli/run.ts';

export const MANUAL = join(ROOT, 'man', 'pawscope.1');
export const SCHEMA = join(ROOT, 'docs', 'pawscope.config.schema.json');

export const program = (): Command =>
  createProgram(
    [],
    () => {},
    () => {},
  );

/** The complete --help, with the text below the options. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({
    writeOut: part => {
      text += part;
    },
  });
  command.outputHelp();
  return text;
}

export const manualText = (date: string): string => manual(program(), rules(), date, helpOf);

export const schemaText = (): string => `${JSON.stringify(configSchema(program()), null, 2)}\n`;

/** The date in the header of a page. */
export const dated = (page: string): string | undefined => /^\.TH PAWSCOPE 1 (\S+)/.exec(page)?.[1];
