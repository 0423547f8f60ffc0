// The parser's table of commands, with their arguments and options.

import assert from 'node:assert/strict';
import yargs from 'yargs';
import { addCommands } from '../../src/cli/commands.ts';

/** A command that can be run. */
export interface TabledCommand {
  /** `machines show`. */
  readonly words: string;
  /** The names of its required and optional arguments. */
  readonly demanded: readonly string[];
  readonly optional: readonly string[];
  /** The names of its options, without dashes. */
  readonly options: ReadonlySet<string>;
}

const at = (value: unknown, key: string): unknown =>
  (typeof value === 'object' && value !== null) || typeof value === 'function' ? Reflect.get(value, key) : undefined;

function call(value: unknown, name: string): unknown {
  const found = at(value, name);
  assert.ok(typeof found === 'function', `yargs has ${name}`);
  return Reflect.apply(found, value, []);
}

/** A command added to a parser. */
interface Handler {
  readonly value: unknown;
  /** Adds the command's own options to the parser. */
  readonly own: unknown;
}

function handlersOf(parser: unknown): { readonly byName: ReadonlyMap<string, Handler>; readonly aliases: unknown } {
  const instance = call(call(parser, 'getInternalMethods'), 'getCommandInstance');
  const handlers = call(instance, 'getCommandHandlers');
  assert.ok(typeof handlers === 'object' && handlers !== null);
  const byName = Object.entries(handlers).map(([name, value]): [string, Handler] => {
    const own = yargs([]);
    const builder = at(value, 'builder');
    if (typeof builder === 'function') Reflect.apply(builder, undefined, [own]);
    else if (typeof builder === 'object' && builder !== null) Reflect.apply(own.options, own, [builder]);
    return [name, { value, own }];
  });
  return { byName: new Map(byName), aliases: at(instance, 'aliasMap') };
}

/** The whole table on its own parser. */
const readTable = (): unknown => addCommands(yargs([]), () => undefined);

/** The subcommands by command and alias; empty for a command that takes arguments instead. */
export function commandNames(): ReadonlyMap<string, ReadonlySet<string>> {
  const { byName, aliases } = handlersOf(readTable());
  const table = new Map<string, ReadonlySet<string>>();
  for (const [name, { own }] of byName) {
    const under = handlersOf(own);
    const names = [...under.byName.keys(), ...Object.keys(Object(under.aliases))];
    table.set(name, new Set(names.filter((one) => one !== '$0')));
  }
  for (const [alias, name] of Object.entries(Object(aliases))) table.set(alias, table.get(String(name)) ?? new Set());
  return table;
}

const namesIn = (positionals: unknown): string[] => {
  assert.ok(Array.isArray(positionals));
  return positionals.map((one: unknown) => String(at(at(one, 'cmd'), '0')));
};

/** Every command that can be run, in the order of the table. */
export function tabledCommands(parser = readTable(), before = ''): readonly TabledCommand[] {
  return [...handlersOf(parser).byName].flatMap(([name, { value, own }]): readonly TabledCommand[] => {
    const words = `${before}${name}`;
    if (handlersOf(own).byName.size > 0) return tabledCommands(own, `${words} `);
    const options = at(call(own, 'getOptions'), 'key');
    return [
      {
        words,
        demanded: namesIn(at(value, 'demanded')),
        optional: namesIn(at(value, 'optional')),
        options: new Set(Object.keys(Object(options))),
      },
    ];
  });
}
