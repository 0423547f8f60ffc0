// Commands as rows of tables: words, description, arguments, and what runs. The parser makes help
// and completion of them.

import type {
  ArgumentsCamelCase,
  Argv,
  InferredOptionType,
  InferredOptionTypes,
  Options,
  PositionalOptions,
} from 'yargs';

type Takes = Readonly<Record<string, Options & PositionalOptions>>;

export type CamelCase<Name> = Name extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail> & string>}`
  : Name;
/** What the parser makes of an option or argument. */
export type Value<O extends Options & PositionalOptions> =
  InferredOptionType<O> extends (infer Item)[] | undefined
    ? readonly Item[] | Extract<InferredOptionType<O>, undefined>
    : InferredOptionType<O>;
type Optional<T extends Takes> = { [Name in keyof T]: undefined extends Value<T[Name]> ? Name : never }[keyof T];

/** What a command that takes `T` gets. */
export type FlagsOf<T extends Takes> = {
  readonly [Name in Exclude<keyof T, Optional<T>> as CamelCase<Name>]: Value<T[Name]>;
} & {
  readonly [Name in Optional<T> as CamelCase<Name>]?: Value<T[Name]>;
};

/** The name of the parser's errors about words that it does not take. */
export const YARGS_ERROR = 'YError';

/** `finish` gets the exit code of what ran. */
export type Row = (parser: Argv, finish: (code: number) => void) => void;

/** The names between brackets. */
export const argumentsIn = (words: string | readonly string[]): ReadonlySet<string> =>
  new Set([words].flat()[0]?.match(/(?<=[<[])[\w-]+/g));

type ArgvOf<T extends Takes> = ArgumentsCamelCase<InferredOptionTypes<T>>;
type Run<T extends Takes> = (argv: ArgvOf<T>) => number | Promise<number>;

/**
 * A command.
 * @param words as the parser takes them: `show <machine>`, and aliases after it
 * @param about false: the command is hidden
 * @param takes its arguments and options by name, in the order of its help; those that `words` name
 * are arguments
 * @param load its code, which loads when it runs
 * @param name the function there; it returns the exit code
 */
export const row = <const T extends Takes, const Name extends string>(
  words: string | readonly string[],
  about: string | false,
  takes: T,
  load: () => Promise<Readonly<Record<NoInfer<Name>, Run<T>>>>,
  name: Name,
): Row => action(words, about, takes, async (argv) => (await load())[name](argv));

/** As `row`. @param run returns the exit code */
export function action<const T extends Takes>(
  words: string | readonly string[],
  about: string | false,
  takes: T,
  run: Run<T>,
): Row {
  const placed = argumentsIn(words);
  const take = (command: Argv): void => {
    for (const [name, how] of Object.entries(takes))
      if (placed.has(name)) command.positional(name, how);
      else command.option(name, how);
    refuseTwice(command, takes);
  };
  return (parser, finish) => {
    const handle = async (argv: ArgvOf<T>): Promise<void> => finish(await run(argv));
    if (about === false) parser.command<InferredOptionTypes<T>>(words, about, take, handle);
    else parser.command<InferredOptionTypes<T>>(words, about, take, handle);
  };
}

/**
 * The parser makes a list of an option that is given twice. @param takes each that is no `array`
 * may be given once
 */
export const refuseTwice = (command: Argv, takes: Takes): void =>
  void command.check((argv) => {
    const twice = Object.keys(takes).find((name) => takes[name]?.array !== true && Array.isArray(argv[name]));
    if (twice !== undefined) throw Object.assign(new Error(`give --${twice} only once`), { name: YARGS_ERROR });
    return true;
  });

/**
 * A group of commands. @param missing what to say when none is named; undefined: one of them is the
 * default
 */
export const group =
  (words: string, about: string, rows: readonly Row[], missing?: string): Row =>
  (parser, finish) =>
    void parser.command(words, about, (command: Argv) => {
      addRows(command, rows, finish);
      return missing === undefined ? command.strict() : command.demandCommand(1, missing);
    });

export function addRows(parser: Argv, rows: readonly Row[], finish: (code: number) => void): void {
  for (const add of rows) add(parser, finish);
}
