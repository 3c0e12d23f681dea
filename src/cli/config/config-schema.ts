/** The JSON schema of pawscope.config.json, for editors, made from the option tables. */
import type { Command, Option } from 'commander';
import { configurable, DATABASE_KEY, keyOf, kindOf, takesDatabase } from '../option-kinds.ts';

type Schema = Record<string, unknown>;

export function configSchema(program: Command): Schema {
  const shared: Record<string, Schema> = {};
  const sections: Record<string, Schema> = {};
  for (const command of program.commands) {
    const properties = Object.fromEntries(
      command.options.filter(configurable).map(option => [keyOf(option), schemaOf(option)]),
    );
    if (takesDatabase(command)) properties[DATABASE_KEY] = { type: 'string', description: 'the database' };
    if (Object.keys(properties).length === 0) continue;
    sections[command.name()] = {
      type: 'object',
      description: command.summary(),
      properties,
      additionalProperties: false,
    };
    // Where commands differ in the choices of an option, the common key accepts the choices of all of them.
    for (const [key, schema] of Object.entries(properties)) shared[key] = merged(shared[key], schema);
  }
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'pawscope.config.json',
    type: 'object',
    properties: { $schema: { type: 'string' }, ...shared, ...sections },
    additionalProperties: false,
  };
}

function schemaOf(option: Option): Schema {
  const { description } = option;
  const { wants, repeats } = kindOf(option);
  if (option.argChoices !== undefined) return { enum: [...option.argChoices], description };
  if (wants === 'flag') return { type: 'boolean', description };
  const type = wants === 'number' ? 'number' : wants === 'text' ? 'string' : ['number', 'string'];
  return repeats ? { type: [type, 'array'], items: { type }, description } : { type, description };
}

function merged(one: Schema | undefined, other: Schema): Schema {
  if (!Array.isArray(one?.enum) || !Array.isArray(other.enum)) return one ?? other;
  return { ...one, enum: [...new Set([...one.enum, ...other.enum])] };
}
