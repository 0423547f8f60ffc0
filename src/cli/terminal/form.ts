// Commands that are one request to the region: a row names the request, the options that set its
// fields, and what the answer says.
//
// 1. What an argument names is found first: a wrong name is refused before anything changes.
// 2. A flag is sent if it is set, a list as words between commas, and of a found thing its id.
//    `comment` sets its own field.

import type { Options, PositionalOptions } from 'yargs';
import type { ControlMethod } from '../../control/ask-daemon.ts';
import type { Fields, Where } from './asking.ts';
import { action, argumentsIn, type CamelCase, type Row, type Value } from './command-table.ts';

/** Finds what an argument names. */
export interface Finder<Thing extends object> {
  /** @throws RackError `not-found`, `bad-argument` */
  readonly find: (where: Where, wanted: string) => Promise<Thing>;
  /** The field of the thing that stands for it in a request. */
  readonly id: string;
}

type Takes = Readonly<Record<string, Options & PositionalOptions & { readonly finder?: Finder<object> }>>;
/** The flags of a command, with found things in place of their names. */
type Found<T extends Takes> = {
  readonly [Name in keyof T as CamelCase<Name>]: T[Name] extends { readonly finder: Finder<infer Thing> }
    ? Thing | Extract<Value<T[Name]>, undefined>
    : Value<T[Name]>;
};

interface Form<T extends Takes> {
  /** The path is below that of the API; `{machine}` stands for the argument of that name. */
  readonly ask: readonly [ControlMethod, path: string];
  /** The option or argument that sets each field. */
  readonly fields?: Readonly<Record<string, keyof T & string>>;
  /** The fields that are not just the value of an option. */
  more?(found: Found<T>): Fields | Promise<Fields>;
  /** The options of which one must be given. */
  readonly mustChange?: string;
  /** The question before it is done, unless `--yes` answers it. */
  confirm?(found: Found<T>): string;
  /** The answer for people; `--json` prints the answer itself, or of a removed thing its id. */
  say(found: Found<T>, answer: unknown): string | Promise<string>;
}

/** As `row`. */
export const form = <const T extends Takes>(
  words: string | readonly string[],
  about: string,
  takes: T,
  asking: Form<T>,
): Row => action(words, about, takes, (argv) => sendForm(asking, takes, argumentsIn(words), argv));

const API = '/MAAS/api/2.0/';

const asSent = (value: unknown): string | number => (typeof value === 'number' ? value : String(value));

/** @param placed the names of the arguments; the others are options */
async function sendForm(
  form: Form<Takes>,
  takes: Takes,
  placed: ReadonlySet<string>,
  argv: Readonly<Record<string, unknown>>,
): Promise<number> {
  const { askRegion: ask, encodeForm, requireChange, printAnswer: tell } = await import('./asking.ts');
  const where: Where = { config: String(argv.config), json: argv.json === true };
  const values: Record<string, unknown> = { ...argv };
  const sent: Record<string, string | number> = {};
  for (const [name, { finder }] of Object.entries(takes)) {
    const value = argv[name];
    if (value === undefined || value === false) continue;
    const object = await finder?.find(where, String(value));
    if (object !== undefined) values[name] = object;
    sent[name] = object === undefined ? asSent(value) : Reflect.get(object, finder?.id ?? '');
  }
  const fields: Record<string, Fields[string]> = {};
  const names: Record<string, string> = {};
  for (const [field, option] of Object.entries({ comment: 'comment', ...form.fields })) {
    fields[field] = sent[option];
    names[field] = placed.has(option) ? option.toUpperCase() : `--${option}`;
  }
  Object.assign(fields, await form.more?.(values));
  if (form.mustChange !== undefined) requireChange(fields, form.mustChange);
  if (form.confirm !== undefined) {
    const { confirmOnTerminal } = await import('./prompt.ts');
    await confirmOnTerminal(form.confirm(values), argv.yes === true);
  }
  const ids: Record<string, unknown> = {};
  const [method, path] = form.ask;
  const place = path.replace(/\{(\w+)\}/g, (_, name: string) => {
    ids[takes[name]?.finder?.id ?? name] = sent[name];
    return encodeURIComponent(sent[name] ?? '');
  });
  const isQuery = method === 'GET' || method === 'DELETE';
  const query = isQuery ? encodeForm(fields) : '';
  const whole = `${API}${place}${query && (place.includes('?') ? '&' : '?')}${query}`;
  const answer = await ask(where, whole, method, isQuery ? undefined : fields, names);
  return tell(where, answer ?? ids, where.json ? '' : await form.say(values, answer));
}
