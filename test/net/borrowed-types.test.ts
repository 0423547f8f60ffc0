// The guards on borrowed bytes find every circumvention: casts, narrowing, places that keep them, and decoders in any form of function.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type TypedSample, writeTypedSample } from '../support/typed-sample.ts';
import {
  borrowers,
  findAmbiguousParts,
  findKeepers,
  findLaunderers,
  readTypedSource,
  type TypedSource,
} from '../support/typed-source.ts';

const ROOT = join(import.meta.dirname, '..', '..');

const LAUNDERED = [
  'export const cast = (bytes: BorrowedBytes) => bytes as Uint8Array;',
  'export const twice = (bytes: BorrowedBytes) => bytes as unknown as Uint8Array;',
  'export const never = (bytes: BorrowedBytes): Uint8Array => bytes as never;',
  'type Kept = Uint8Array; export const alias = (bytes: BorrowedBytes) => bytes as Kept;',
  'export function widened(bytes: BorrowedBytes) { const any: unknown = bytes; return any as Uint8Array; }',
  'export const within = (one: { bytes: BorrowedBytes }) => one as { bytes: Uint8Array };',
  'export const narrowed = (bytes: BorrowedBytes) => bytes instanceof Uint8Array ? bytes : undefined;',
  'export function said(bytes: BorrowedBytes): bytes is Uint8Array & BorrowedBytes { return bytes.length > 0; }',
  'export const guessed = (value: unknown): value is Uint8Array => value !== undefined;',
];
/** One place per line that would keep borrowed bytes. */
const KEPT = [
  // A field of any type.
  'export class Field { last: BorrowedBytes = []; }',
  'export class Listed { readonly #all: BorrowedBytes[] = []; get count() { return this.#all.length; } }',
  'export interface Entry { readonly question: BorrowedBytes; readonly at: number }',
  'export interface Index { readonly [id: number]: BorrowedBytes }',
  'export const took = (to: { value?: unknown }, bytes: BorrowedBytes): void => { to.value = bytes; };',
  'export const tookNew = (to: { value?: unknown }, bytes: BorrowedBytes): void => { to.value ??= bytes; };',
  'export const tookEmpty = (to: { value?: unknown }, bytes: BorrowedBytes): void => { to.value ||= bytes; };',
  'export const tookOther = (to: { value?: unknown }, bytes: BorrowedBytes): void => { to.value &&= bytes; };',
  'export const chosen = (to: { value?: unknown }, bytes: BorrowedBytes): void => { to.value = to.value ?? bytes; };',
  'export const indexed = (to: unknown[], bytes: BorrowedBytes): void => { to[0] = bytes; };',
  'export const spread = (to: { list: unknown[] }, bytes: BorrowedBytes): void => { to.list = [...to.list, bytes]; };',
  'export const listed = (to: { list: unknown }, bytes: BorrowedBytes): void => { to.list = [bytes]; };',
  'export const destructured = (to: { value?: unknown }, one: ReceivedDatagram): void => { ({ bytes: to.value } = one); };',
  'export const looped = (to: { value?: unknown }, all: BorrowedBytes[]): void => { for (to.value of all); };',
  // Another name for a borrowed type.
  'export type Maybe = BorrowedBytes | undefined;',
  'export interface Named extends ReceivedDatagram { readonly at: number }',
  'export const bound = <T extends BorrowedBytes>(to: T[], bytes: T): number => to.push(bytes);',
  // A variable of the file or an outer function, or one with a wider type.
  'export const known = new Map<number, BorrowedBytes>();',
  'let last: unknown; export function outer(bytes: BorrowedBytes) { last = bytes; return () => last; }',
  'export const wider = (bytes: BorrowedBytes) => { const any: unknown = bytes; return any; };',
  'export const structural = (bytes: BorrowedBytes) => { const any: ArrayLike<number> = bytes; return any; };',
  // A function that does not take borrowed bytes.
  'export const mapped = (to: Map<number, unknown>, bytes: BorrowedBytes) => to.set(1, bytes);',
  'export const queued = (to: unknown[], bytes: BorrowedBytes) => to.push({ bytes, at: 1 });',
  'export const viewed = (to: Set<unknown>, bytes: BorrowedBytes) => to.add(borrowedView(bytes));',
  'export const datagrams = (to: unknown[], of: readonly ReceivedDatagram[]) => to.push(of[0]);',
  'export const assigned = (to: { last?: unknown }, bytes: BorrowedBytes) => Object.assign(to, { last: bytes });',
  'export const weak = (to: WeakMap<object, number>, bytes: BorrowedBytes) => to.set(bytes, 1);',
  'export const referred = (bytes: BorrowedBytes) => new WeakRef(bytes);',
  'export const resolved = (bytes: BorrowedBytes) => Promise.resolve(bytes);',
  'export const bind = (read: (bytes: BorrowedBytes) => number, bytes: BorrowedBytes) => read.bind(null, bytes);',
  'export const timed = (read: (bytes: BorrowedBytes) => number, bytes: BorrowedBytes) => setTimeout(read, 1, bytes);',
  'export const called = (keep: (value: unknown) => void, bytes: BorrowedBytes) => keep(bytes);',
  'export const object = (keep: (value: object) => void, bytes: BorrowedBytes) => keep(bytes);',
  'export const like = (keep: (value: ArrayLike<number>) => void, bytes: BorrowedBytes) => keep(bytes);',
  'export const rest = (keep: (...values: unknown[]) => void, bytes: BorrowedBytes) => keep(1, bytes);',
  'export const list = (keep: (...values: unknown[]) => void, all: BorrowedBytes[]) => keep(...all);',
  'const same = <T>(value: T): T => value; export const generic = (bytes: BorrowedBytes) => same(bytes)[0];',
  'export const tagged = (keep: (text: TemplateStringsArray, value: unknown) => void, bytes: BorrowedBytes) => keep`$' +
    '{bytes}`;',
  'export class Kept { constructor(readonly_: unknown) { void readonly_; } static of(bytes: BorrowedBytes) { return new Kept(bytes); } }',
  // A function that is called, or continues, when the bytes are no longer lent.
  'export const later = (bytes: BorrowedBytes) => setTimeout(() => console.log(bytes[0]), 1);',
  'export const soon = (bytes: BorrowedBytes) => queueMicrotask(() => console.log(bytes[0]));',
  'export const immediate = (bytes: BorrowedBytes) => setImmediate(() => console.log(bytes[0]));',
  'export const promised = (bytes: BorrowedBytes) => Promise.resolve().then(() => bytes.length);',
  'export const closed = (bytes: BorrowedBytes) => { const read = () => bytes[0]; return read; };',
  'export const read = (bytes: BorrowedBytes) => { const first = () => bytes[0]; return () => first(); };',
  'export const cursor = (reader: ByteReader) => setTimeout(() => console.log(reader.u8("x")), 1);',
  'export const property = (bytes: BorrowedBytes) => ({ get first() { return bytes[0]; } });',
  'export const waits = async (bytes: BorrowedBytes): Promise<void> => { await Promise.resolve(); };',
  'export function* steps(bytes: BorrowedBytes): Generator<number> { yield 1; }',
  'export const handed = { async read(bytes: BorrowedBytes): Promise<void> { await Promise.resolve(); } };',
  // A returned value, and a function that accepts more than its type promises.
  'export const returned = (all: BorrowedBytes[], each: (of: BorrowedBytes[], make: (one: BorrowedBytes) => unknown) => void) => each(all, (one) => one);',
  'export const unknown = (bytes: BorrowedBytes): unknown => bytes;',
  'export const takes = (of: (take: (one: BorrowedBytes) => void) => void, keep: (one: unknown) => void) => of(keep);',
  'export const annotated = (of: (take: (one: BorrowedBytes) => void) => void) => of((one: unknown) => console.log(one));',
  'export const every = (all: BorrowedBytes[], keep: (one: unknown) => void) => all.forEach(keep);',
  'export const methods = (of: (port: { take(one: BorrowedBytes): void }) => void) => of({ take(one: unknown) { console.log(one); } });',
  'interface Port { take(one: BorrowedBytes): void } export class Wide implements Port { take(one: unknown) { console.log(one); } }',
  'export function given(bytes: BorrowedBytes) { return { all: arguments, first: bytes[0] }; }',
];
const READ = [
  'export const sum = (bytes: BorrowedBytes) => [1, 2].map((at) => bytes[at] ?? 0);',
  'export const copied = (to: Uint8Array[], bytes: BorrowedBytes) => to.push(copyBytes(bytes));',
  'export const written = (to: Uint8Array, bytes: BorrowedBytes) => to.set(bytes, 4);',
  'export class Port { onBytes: (bytes: BorrowedBytes) => void = () => {}; }',
  'export const taken = (bytes: BorrowedBytes) => { const u8 = (at: number) => bytes[at] ?? 0; return u8(0) + u8(1); };',
  'export const inner = (bytes: BorrowedBytes) => { function u8(at: number): number { return at < 0 ? u8(-at) : (bytes[at] ?? 0); } return u8(0); };',
  'export const parts = (bytes: BorrowedBytes) => { const all = [borrowedPart(bytes, 0, 1)]; all.push(bytes); return all.map((one) => one.length); };',
  'export const chosen = (bytes: BorrowedBytes, other?: BorrowedBytes) => (other ?? bytes)[0];',
  'export const passed = (take: (bytes: BorrowedBytes) => number, one: ReceivedDatagram) => take(one.bytes);',
  'export const callback = (of: (take: (one: BorrowedBytes) => void) => void) => of(() => {});',
  'import type { NonSharedBuffer } from "node:buffer"; export const filled = (to: NonSharedBuffer, bytes: BorrowedBytes) => to.set(bytes);',
  'export const lengthOf = (bytes: BorrowedBytes) => `$' + '{bytes.length}`;',
  'export function local(bytes: BorrowedBytes) { let part = bytes; part = borrowedPart(bytes, 0, 1); return part[0]; }',
];
const HONEST = [
  'export const brand = (value: number) => value as number & { readonly unit?: "s" };',
  'export const kinds = ["a", "b"] as const;',
  'export const isText = (value: unknown): value is string => typeof value === "string";',
];
const DECODERS = [
  'export function plain(bytes: BorrowedBytes) { return bytes.length; }',
  'export const arrow = (bytes: BorrowedBytes) => bytes.length;',
  'export const expression = function (bytes: BorrowedBytes) { return bytes.length; };',
  'export const typed: (bytes: BorrowedBytes) => number = (bytes) => bytes.length;',
  'export const second = (port: number, bytes: BorrowedBytes | undefined) => port + (bytes?.length ?? 0);',
  'export class Reader { static of(bytes: BorrowedBytes) { return bytes.length; } }',
  'export class Holder { take = (bytes: BorrowedBytes) => bytes.length; }',
  'export class Made { readonly size: number; constructor(bytes: BorrowedBytes) { this.size = bytes.length; } }',
  'export const table = { entry: (bytes: BorrowedBytes) => bytes.length, method(bytes: BorrowedBytes) { return bytes.length; } };',
  'export const datagram = (all: readonly ReceivedDatagram[]) => all.length;',
  'export const cursor = (reader: ByteReader) => reader.u8("x");',
];
const OURS = [
  'export const lengthOf = (take: (bytes: BorrowedBytes) => void) => take([]);',
  'const local = (bytes: BorrowedBytes) => bytes.length; export const used = () => local([]);',
  'export class Private { #own(bytes: BorrowedBytes) { return bytes.length; } use() { return this.#own([]); } }',
];

/** Calls that do not say whether they copy, however the result is used. */
const PARTS = [
  'export const kept = new Map<string, unknown>(); export const keep = (all: Buffer) => kept.set("one", all.slice(0, 4));',
  'export const shared = (all: Buffer): Uint8Array => all.subarray(0, 4);',
  'export const text = (all: Buffer) => all.slice(0, 4).toString();',
  'export const words = (all: Buffer) => String(all.subarray(0, 4));',
  'export const list = (all: Uint8Array) => [all.slice(2)];',
  'export const called = (all: Buffer): unknown => Buffer.prototype.subarray.call(all, 0, 4);',
  'export const bound = (all: Buffer | undefined): unknown => all?.subarray.bind(all);',
  'import type { NonSharedBuffer } from "node:buffer"; export const owned = (all: NonSharedBuffer) => all.subarray(0, 4);',
  'export const named = (all: Buffer) => all["slice"](0, 4);',
  'export const apart = (all: Buffer): unknown => { const { subarray } = all; return subarray; };',
  'export const renamed = (all: Uint8Array): unknown => { const { slice: part } = all; return part; };',
  'export const given = ({ slice }: Uint8Array): unknown => slice;',
  'export const generic = <T extends Uint8Array>(all: T) => all.slice(0, 4);',
  'export const memory = (all: Buffer) => new Uint8Array(all.buffer, 0, 4);',
  'type Mine = Buffer; export const alias = (all: Mine) => all.subarray(0, 4);',
];
const WHOLE = [
  'export const view = (all: Uint8Array) => all.subarray(0, 4);',
  'export const whole = (all: Uint8Array) => all.buffer;',
  'export const some = (all: readonly number[], text: string) => [all.slice(1), text.slice(1)];',
];

let sample: TypedSample;
let source: TypedSource;
let keepers: readonly string[];

before(() => {
  const given =
    "import { type BorrowedBytes, borrowedPart, borrowedView, copyBytes } from '../../../src/net/borrowed-bytes.ts'; " +
    "import type { ByteReader } from '../../../src/net/byte-reader.ts'; import type { ReceivedDatagram } from '../../../src/net/datagrams/datagram.ts';\n";
  const lists = Object.entries({ LAUNDERED, KEPT, READ, HONEST, DECODERS, OURS, PARTS, WHOLE });
  sample = writeTypedSample(
    Object.fromEntries(lists.map(([name, lines]) => [`${name}.ts`, `${given}${lines.join('\n')}\n`])),
  );
  source = readTypedSource(sample.project, sample.folder);
  keepers = findKeepers(sample.project, sample.folder);
});
after(() => sample.remove());

test('each way to pass borrowed bytes off as owned is found, and nothing else', () => {
  const found = findLaunderers(source);
  const lines = new Set(found.map((text) => /(\w+)\.ts:(\d+):/.exec(text)?.slice(1).join(' ')));
  const expected = LAUNDERED.map((_line, index) => `LAUNDERED ${index + 2}`);
  assert.deepEqual([...lines].sort(), expected.sort(), found.join('\n'));
});

test('each place that would keep borrowed bytes is found, and nothing else', () => {
  // Some of LAUNDERED also keep them.
  const found = keepers.filter((text) => !text.includes('/LAUNDERED.ts:'));
  const lines = new Set(found.map((text) => /(\w+)\.ts:(\d+):/.exec(text)?.slice(1).join(' ')));
  const expected = KEPT.map((_line, index) => `KEPT ${index + 2}`);
  assert.deepEqual([...lines].sort(), expected.sort(), found.join('\n'));
});

test('each part of bytes that may be a copy or a view is found, and nothing else', () => {
  const found = findAmbiguousParts(source).map((text) => /(\w+)\.ts:(\d+):/.exec(text)?.slice(1).join(' '));
  assert.deepEqual(found.sort(), PARTS.map((_line, index) => `PARTS ${index + 2}`).sort());
});

test('a view of borrowed bytes does not expose their memory: the compiler refuses it', () => {
  const lines = ['buffer', 'byteOffset'].map((name) => `export const ${name} = borrowedView([1]).${name};`);
  const refused = writeTypedSample({
    'view.ts': `import { borrowedView } from '../../../src/net/borrowed-bytes.ts';\n${lines.join('\n')}\n`,
  });
  const tsc = join(ROOT, 'node_modules', '.bin', 'tsc');
  const { stdout } = spawnSync(tsc, ['--noEmit', '-p', refused.folder], { encoding: 'utf8' });
  refused.remove();
  for (const [index, name] of ['buffer', 'byteOffset'].entries())
    assert.match(stdout, new RegExp(`view\\.ts\\(${index + 2},.*'${name}' does not exist`), stdout);
});

test('each function that can be called with borrowed bytes is found, however it is written', () => {
  const names = borrowers(source)
    .filter(({ place }) => /\/(?:DECODERS|OURS)\.ts:/.test(place))
    .map(({ name }) => name);
  assert.deepEqual(names.sort(), [
    'Holder.take',
    'Made.constructor',
    'Reader.of',
    'arrow',
    'cursor',
    'datagram',
    'expression',
    'plain',
    'second',
    'table.entry',
    'table.method',
    'typed',
  ]);
});
