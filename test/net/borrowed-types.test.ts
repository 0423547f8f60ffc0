// The guards on borrowed bytes find whoever goes round them: casts, narrowing, and decoders in any way of writing a function.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { borrowers, findLaunderers, readTypedSource, type TypedSource } from '../support/typed-source.ts';

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
];
const OURS = [
  'const local = (bytes: BorrowedBytes) => bytes.length; export const used = () => local([]);',
  'export class Private { #own(bytes: BorrowedBytes) { return bytes.length; } use() { return this.#own([]); } }',
];

let directory = '';
let source: TypedSource;

before(() => {
  // Inside the project, so that the types of Node are found.
  mkdirSync(join(ROOT, 'node_modules', '.cache'), { recursive: true });
  directory = mkdtempSync(join(ROOT, 'node_modules', '.cache', 'borrowed-'));
  const given = "import type { BorrowedBytes } from '../../../src/net/borrowed-bytes.ts';\n";
  for (const [name, lines] of Object.entries({ LAUNDERED, HONEST, DECODERS, OURS }))
    writeFileSync(join(directory, `${name}.ts`), `${given}${lines.join('\n')}\n`);
  const options = { extends: '../../../tsconfig.json', include: ['*.ts'], exclude: [] };
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify(options));
  source = readTypedSource(join(directory, 'tsconfig.json'), directory);
});
after(() => rmSync(directory, { recursive: true, force: true }));

test('each way in which borrowed bytes could pass for owned ones is found, and nothing else', () => {
  const found = findLaunderers(source);
  const lines = new Set(found.map((text) => /(\w+)\.ts:(\d+):/.exec(text)?.slice(1).join(' ')));
  const expected = LAUNDERED.map((_line, index) => `LAUNDERED ${index + 2}`);
  assert.deepEqual([...lines].sort(), expected.sort(), found.join('\n'));
});

test('each function that others can call with borrowed bytes is found, however it is written', () => {
  const names = borrowers(source)
    .filter(({ place }) => /\/(?:DECODERS|OURS)\.ts:/.test(place))
    .map(({ name }) => name);
  assert.deepEqual(names.sort(), [
    'Holder.take',
    'Made.constructor',
    'Reader.of',
    'arrow',
    'expression',
    'plain',
    'second',
    'table.entry',
    'table.method',
    'typed',
  ]);
});
