// The definition of an API operation. Routes, checks and the description for clients are made from
// the one table of them (`operations.ts`, whose head lists the steps to add one).
//
// 1. An operation that changes something is one transaction, which waits only for the store. It
//    makes its own (`ownTransaction`) if it also hashes a password, waits for something outside the
//    store, answers with what memory keeps of its change, or undoes its change and says why.
// 2. Parameters that an operation does not name are ignored, because clients of other versions send them.
// 3. The schema names every parameter of a wrong form at once. `run` refuses what depends on others
//    or on the store.

import { z } from 'zod';
import { type MacAddress, parseIpv4, parseMac } from '../../../ground/address.ts';
import type { WholeFile } from '../../../images/make/upload-part.ts';
import type { PieceRange, UploadPiece } from '../../images/uploads.ts';
import type { Happening } from '../../records/events.ts';
import type { NewMachineEvent } from '../../records/machine-event.ts';
import { fieldRefusal, MACS, REQUIRED, type RefusalWord, TRUE_OR_FALSE, wordOfIssue } from '../../records/refusal.ts';
import type { Region } from '../../region.ts';
import type { ObjectName } from '../answers/answer-objects.ts';
import { type Answer, type Refusal, refuseFields } from './answer.ts';
import type { Caller, Peer } from './caller.ts';
import type { Fields } from './form-body.ts';

/** The way to get what a refused parameter asks for, by parameter. */
const NOT_DONE_HINTS: Readonly<Record<string, string>> = {
  deployed: ' A device keeps the name and the addresses of a host that others deployed.',
};

export const notDoneText = (field: string): string =>
  `Rackboot does not do this: omit ${field}.${NOT_DONE_HINTS[field] ?? ''}`;

export type ApiVersion = '1.0' | '2.0';
export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/**
 * The callers that may use an operation. Administrators may use every one.
 * - `anyone`: every caller, from anywhere.
 * - `managed`: users, and from a managed network also callers without credentials.
 * - `machine`: users, and machines with their key. - `user`: users. - `admin`: administrators.
 */
type Access = 'anyone' | 'managed' | 'machine' | 'user' | 'admin';

/** JSON: an object of `answer-objects.ts`, which may be null; `map`: one with any keys. */
type Json = ObjectName | `${ObjectName}|null` | 'string' | 'boolean' | 'map' | 'any';

/**
 * A successful answer: JSON, or a list of such, with 200 or other statuses; `nothing`: 204. The
 * others have 200, and are plain text, bytes, BSON and events as they come. `refusal`: it never
 * succeeds.
 */
export type Answers =
  | Json
  | readonly [Json]
  | { readonly of: Json; readonly statuses: readonly number[] }
  | 'nothing'
  | 'text'
  | 'bytes'
  | 'bson'
  | 'stream'
  | 'refusal';

/** A request as an operation sees it. */
export interface ApiCall {
  readonly region: Region;
  readonly version: ApiVersion;
  /** The path segments by the `{name}` they stand for. */
  readonly path: Readonly<Record<string, string>>;
  readonly caller: Caller;
  readonly peer: Peer;
  /** The query as it was sent, for links to further pages. */
  readonly query: Fields;
  /** The file of a form, received already; `undefined`: it has none. */
  readonly file?: WholeFile | undefined;
  /**
   * The body as a piece of an upload; `undefined`: it has none, or no announced length. `from`: its
   * place, if the client says it.
   */
  readonly piece?: (UploadPiece & { readonly place: PieceRange | 'unreadable' | undefined }) | undefined;
  /** The bytes of the files in a multipart body, by field. */
  readonly files?: ReadonlyMap<string, Buffer> | undefined;
  /** True once the client has left. */
  readonly hasLeft?: (() => boolean) | undefined;
}

/** The user who calls; empty for every other caller. */
export const getCallerUsername = ({ caller }: ApiCall): string => (caller.kind === 'user' ? caller.username : '');

/** The event of what this call does, in the name of its user. */
export function eventBy(call: ApiCall, type: NewMachineEvent['type'], happening: Happening): NewMachineEvent {
  return { type, ...happening, atMs: call.region.clock.wallTimeMs(), username: getCallerUsername(call) };
}

/**
 * The id in a segment of a path or in a parameter. @param none the result for a text that is not an
 * id; no row has this id
 */
export const idIn = (text: string | undefined, none = 0): number =>
  /^\d{1,15}$/.test(text ?? '') ? Number(text) : none;

export interface Operation {
  readonly versions: readonly ApiVersion[];
  /** Below `/MAAS/api/<version>/`, without a leading or trailing slash; `{name}` stands for one segment. */
  readonly path: string;
  readonly method: Method;
  /** `undefined` if the method alone selects the operation. */
  readonly op: string | undefined;
  /** The name of its group in the description: `MachinesHandler`. */
  readonly handler: string;
  readonly access: Access;
  /** True if it makes its own transactions, for a reason of the file's head. */
  readonly ownTransaction: boolean;
  readonly answers: Answers;
  /** The effect, for users; then one `:param` line for each parameter. */
  readonly doc: string;
  readonly parameters: Readonly<Record<string, z.ZodType>>;
  /** True if it takes parameters of every other name, too. */
  readonly takesOthers?: boolean;
  readonly run: (call: ApiCall, fields: Fields) => Answer | Promise<Answer>;
}

/** No parameters. */
export const nothing = z.object({});

/**
 * The control in which people write a parameter. `list`: an entry a line; `words`: all in one line,
 * with commas between.
 */
export type ControlKind =
  | 'text'
  | 'email'
  | 'number'
  | 'address'
  | 'mac'
  | 'check'
  | 'choice'
  | 'area'
  | 'list'
  | 'words'
  | 'file';

/** How pages ask for a parameter, in English: a page translates its texts. */
export interface Control {
  readonly control?: ControlKind;
  /** Default: the words of its name. */
  readonly label?: string;
  /** Default: its description. Empty: none. */
  readonly hint?: string;
  /** The texts of its values. Default: the values. */
  readonly choices?: Readonly<Record<string, string>>;
  /** Default: that of its type. */
  readonly charactersMax?: number;
  /** What a browser refuses before it sends the form. */
  readonly pattern?: string;
  /** The lines of an area. */
  readonly rows?: number;
  /** The same object in all that belong together: one of them is enough. */
  readonly group?: { readonly label: string; readonly hint: string };
}

/**
 * What types say of their controls, read by `chooseControl`. Apart from their other metadata, which
 * OpenAPI shows.
 */
export const controls = z.registry<Control>();

const lastValue = z
  .array(z.string())
  .transform((values) => values.at(-1))
  .register(controls, { control: 'text' });

/** The last value of a parameter, checked by a schema. */
export const value = <S extends z.ZodType<unknown, string | undefined>>(schema: S) => lastValue.pipe(schema);

/** How pages ask for a parameter, from all that its type is made of; the outermost counts. */
export function chooseControl(type: z.core.$ZodType): Control {
  const parts =
    type instanceof z.ZodPipe
      ? [type.in, type.out]
      : type instanceof z.ZodOptional || type instanceof z.ZodNonOptional
        ? [type.unwrap()]
        : [];
  const choice = type instanceof z.ZodEnum ? ({ control: 'choice' } as const) : {};
  return Object.assign({}, ...parts.map(chooseControl), choice, controls.get(type));
}

const TRUE = /^(?:1|t|true|y|yes|on)$/i;
const FALSE = /^(?:0|f|false|n|no|off|none)?$/i;
/** True for a word that means true. */
export const isTrue = (text: string | undefined): boolean => TRUE.test(text ?? '');
/** True for a word that means false; the empty text is one, and `undefined` is not. */
export const isFalse = (text: string | undefined): boolean => text !== undefined && FALSE.test(text);
/** The word of a parameter that is true or false; empty: false. */
export const flagWord = z
  .string()
  .trim()
  .max(16, TRUE_OR_FALSE)
  .refine((text) => isTrue(text) || isFalse(text), TRUE_OR_FALSE)
  .register(controls, { control: 'check' });
/** A parameter that is true or false. */
export const flagParameter = (description: string, control: Control = {}) =>
  value(flagWord).optional().describe(description).register(controls, control);

export const NOT_A_NUMBER = 'is not a number';

/** A number as text, which is not negative, of this form. */
export const numberText = (form: RegExp) =>
  z
    .string()
    .trim()
    .regex(/^[+-]?\d{1,40}(?:\.\d{1,40})?$/, { error: NOT_A_NUMBER, abort: true })
    .regex(form, 'is negative, too large, or has too many decimals')
    .register(controls, { control: 'number' });

/** A text of at most so many characters. */
export const requiredText = (charactersMax: number, description: string, control: Control = {}) =>
  value(z.string().max(charactersMax)).describe(description).register(controls, control);
/** The same, which may be absent. */
export const optionalText = (charactersMax: number, description: string, control: Control = {}) =>
  value(z.string().max(charactersMax)).optional().describe(description).register(controls, control);
/** All values of a parameter, which may be absent. */
export const optionalList = (countMax: number, description: string, control: Control = {}) =>
  values(countMax).optional().describe(description).register(controls, control);

/** All values of a parameter, repeated or separated by commas. */
export function values(countMax: number) {
  return z
    .array(z.string())
    .transform((list) => list.flatMap((entry) => entry.split(',')).map((entry) => entry.trim()))
    .transform((list) => list.filter((entry) => entry !== ''))
    .pipe(z.array(z.string().max(300)).max(countMax))
    .register(controls, { control: 'list' });
}

export const IP_ADDRESS = 'Give an IPv4 address such as 10.20.0.10.';

const parsedParameter = <T>(parse: (text: string) => T | undefined, form: string) =>
  z
    .string()
    .trim()
    .transform((text, context) => {
      const parsed = parse(text);
      if (parsed === undefined) context.addIssue(form);
      return parsed ?? z.NEVER;
    });

/** A hardware address. */
export const macField = value(parsedParameter(parseMac, MACS)).register(controls, { control: 'mac' });
/** Different hardware addresses. @param isFit false: left out */
export const macFields = (countMax: number, isFit: (mac: MacAddress) => boolean = () => true) =>
  values(countMax).pipe(
    z
      .array(parsedParameter(parseMac, MACS))
      .max(countMax)
      .transform((list) => [...new Set(list)].filter(isFit)),
  );
/** The same, at least one. */
export const someMacFields = (countMax: number) => macFields(countMax).refine((list) => list.length > 0, REQUIRED);
/** An IPv4 address. */
export const ipv4Field = value(parsedParameter(parseIpv4, IP_ADDRESS)).register(controls, { control: 'address' });

/** Parameters of which any may be absent. */
export type Passed<P extends z.ZodObject> = {
  readonly [Name in keyof z.output<P>]?: z.output<P>[Name] | undefined;
};

type ParameterTexts = Readonly<Record<string, readonly string[]>>;
/** The documentation of a parameter, even if its schema was made required or optional afterwards. */
function findDocumentation(schema: z.core.$ZodType): string | undefined {
  const own = schema instanceof z.ZodType ? schema.description : undefined;
  const isWrapped = schema instanceof z.ZodOptional || schema instanceof z.ZodNonOptional;
  return own ?? (isWrapped ? findDocumentation(schema.unwrap()) : undefined);
}

/** Makes an operation from its description and its handler. */
export function defineOperation<P extends z.ZodObject>(definition: {
  readonly versions: readonly ApiVersion[];
  readonly path: string;
  readonly method: Method;
  readonly op?: string | undefined;
  readonly handler: string;
  readonly access: Access;
  readonly ownTransaction?: boolean;
  readonly answers: Answers;
  readonly doc: string;
  readonly parameters: P;
  readonly run: (call: ApiCall, parameters: z.output<P>) => Answer | Promise<Answer>;
}): Operation {
  const shape: Record<string, z.core.$ZodType> = definition.parameters.shape;
  const typed = Object.entries(shape).flatMap(([name, schema]): (readonly [string, z.ZodType])[] => {
    if (!(schema instanceof z.ZodType)) return [];
    const isDocumented = schema.description !== undefined;
    return [[name, isDocumented ? schema : schema.describe(findDocumentation(schema) ?? '')]];
  });
  const names = typed.map(([name]) => name);
  const lines = typed.map(([name, { description }]) => `:param ${name}: ${description ?? ''}`);
  return {
    versions: definition.versions,
    path: definition.path,
    method: definition.method,
    op: definition.op,
    handler: definition.handler,
    access: definition.access,
    ownTransaction: definition.ownTransaction === true,
    answers: definition.answers,
    doc: [definition.doc, ...(lines.length === 0 ? [] : ['', ...lines])].join('\n'),
    parameters: Object.fromEntries(typed),
    run(call, fields) {
      const sent = givenIn(names, fields);
      const checked = definition.parameters.safeParse(sent);
      return checked.success ? definition.run(call, checked.data) : refuseIssues(sent, checked.error.issues);
    },
  };
}

/** The place of an operation in the API. */
type OperationPlace = Pick<Operation, 'versions' | 'path' | 'handler'> & { readonly ownTransaction?: boolean };

/** The place of an operation that makes its own transactions, for a reason of the file's head. */
export const ownTransaction = <P extends OperationPlace>(place: P) => ({ ...place, ownTransaction: true });

/**
 * One operation in one line of its table. @param called its method, and its `op` if it has one:
 * `POST release`
 */
export function operation<P extends z.ZodObject>(
  place: OperationPlace,
  called: Method | `${Method} ${string}`,
  access: Access,
  answers: Answers,
  doc: string,
  parameters: P,
  run: (call: ApiCall, input: z.output<P>) => Answer | Promise<Answer>,
): Operation {
  const method = (['GET', 'POST', 'PUT', 'DELETE'] as const).find((verb) => called.startsWith(verb)) ?? 'GET';
  const [, op] = called.split(' ');
  return defineOperation({ ...place, method, op, access, answers, doc, parameters, run });
}

/** What an operation of a resource does, for users; its parameters; and its handler. */
type Part<P extends z.ZodObject> = readonly [
  doc: string,
  parameters: P,
  run: (call: ApiCall, input: z.output<P>) => Answer | Promise<Answer>,
];

/** The five operations on objects of one kind. Every user lists and reads them. */
export function resource<
  L extends z.ZodObject,
  A extends z.ZodObject,
  R extends z.ZodObject,
  C extends z.ZodObject,
  D extends z.ZodObject,
>({
  many,
  one,
  answers,
  changedBy: access = 'admin',
  list,
  add,
  read,
  change,
  remove,
}: {
  readonly many: OperationPlace;
  readonly one: OperationPlace;
  readonly answers: ObjectName;
  /** Who adds, changes and removes. Default: administrators. */
  readonly changedBy?: Access;
  readonly list: Part<L>;
  readonly add: Part<A>;
  readonly read: Part<R>;
  readonly change: Part<C>;
  readonly remove: Part<D>;
}): readonly Operation[] {
  return [
    operation(many, 'GET', 'user', [answers], ...list),
    operation(many, 'POST', access, answers, ...add),
    operation(one, 'GET', 'user', answers, ...read),
    operation(one, 'PUT', access, answers, ...change),
    operation(one, 'DELETE', access, 'nothing', ...remove),
  ];
}

/**
 * An operation of MAAS that is always refused. @param op `undefined`: its method alone selects it
 * @param doc its description @param answer the same as a refusal
 */
export const refusedOperation = (
  place: Pick<Operation, 'versions' | 'path' | 'handler' | 'method' | 'access'>,
  op: string | undefined,
  doc: string,
  answer: Refusal,
): Operation => ({
  ...place,
  op,
  doc: [doc, '', ':param <key>: Always refused.'].join('\n'),
  parameters: {},
  takesOthers: true,
  ownTransaction: false,
  answers: 'refusal',
  run: () => answer,
});

function givenIn(names: readonly string[], fields: Fields): ParameterTexts {
  const sent: Record<string, readonly string[]> = {};
  for (const name of names) {
    const list = fields.get(name);
    if (list !== undefined) sent[name] = list;
  }
  return sent;
}

function addProblem(problems: Record<string, RefusalWord[]>, name: string, word: RefusalWord) {
  problems[name] ??= [];
  if (!problems[name].some(({ text }) => text === word.text)) problems[name].push(word);
}

function refuseIssues(input: ParameterTexts, issues: readonly z.core.$ZodIssue[]) {
  const problems: Record<string, RefusalWord[]> = {};
  for (const issue of issues) {
    const name = String(issue.path[0] ?? '');
    addProblem(problems, name, input[name] === undefined ? fieldRefusal(REQUIRED) : wordOfIssue(issue));
  }
  return refuseFields(problems);
}
