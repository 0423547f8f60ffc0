// The source of the product as the compiler sees it: its syntax with the types of its expressions.

import { dirname, join, relative } from 'node:path';
import { after, before } from 'node:test';
import {
  isArrowFunction,
  isAsExpression,
  isBinaryExpression,
  isBindingElement,
  isClassDeclaration,
  isConstructorDeclaration,
  isElementAccessExpression,
  isExpression,
  isFunctionDeclaration,
  isFunctionExpression,
  isIdentifier,
  isMethodDeclaration,
  isObjectBindingPattern,
  isParameterDeclaration,
  isPropertyAccessExpression,
  isPropertyAssignment,
  isPropertyDeclaration,
  isSourceFile,
  isStringLiteral,
  isTypeAssertion,
  isTypePredicateNode,
  isVariableDeclaration,
  isVariableStatement,
  type Node,
  type SourceFile,
  SyntaxKind,
} from 'typescript/unstable/ast';
import { API, type Checker, type Project, type Type } from 'typescript/unstable/sync';
import { BORROWED } from './borrowed-types.ts';
import { findKeepings } from './kept-borrowed.ts';
import { writeTypedProject } from './typed-sample.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const PROJECT = join(ROOT, 'tsconfig.json');
const SOURCE = join(ROOT, 'src');
/** The project of the product, and the folder with its source. */
export const PRODUCT = { project: PROJECT, folder: SOURCE } as const;

/** A type that the compiler takes on trust: `x as T`, `<T>x`, `x instanceof T`, or a function that says `x is T`. */
interface TrustedType {
  /** `src/net/watch/arp.ts:12`. */
  readonly place: string;
  readonly text: string;
  readonly kind: 'cast' | 'instanceof' | 'predicate';
  /** The type of x, as the compiler writes it. */
  readonly from: string;
}

/** A function that other files can call. */
export interface OpenFunction {
  readonly place: string;
  /** `decodeArp`, `ByteReader.borrow`. */
  readonly name: string;
  /** The types of its parameters, as the compiler writes them. */
  readonly parameters: readonly string[];
}

/** An expression that takes a part of a value, or leads to its memory: `x.slice`, called or not, `x['slice']`, `const { slice } = x`, `x.buffer`. */
interface PartTaken {
  readonly place: string;
  readonly text: string;
  readonly method: 'slice' | 'subarray' | 'buffer';
  /** The names of the types that x may have, without aliases and type parameters, and the type as the compiler writes it. */
  readonly from: string;
}

export interface TypedSource {
  readonly trusted: readonly TrustedType[];
  readonly parts: readonly PartTaken[];
  readonly functions: readonly OpenFunction[];
}

/** Where a thing stands whose type is asked for later, all of them at once. */
interface Found<T> {
  readonly node: Node;
  readonly make: (type: string) => T;
}

let product: TypedSource | undefined;

/** The product's source, read once for all tests of a process: the compiler takes seconds. */
export function readProduct(): TypedSource {
  product ??= readTypedSource(PROJECT, SOURCE);
  return product;
}

/** Reads the files of a project below a folder. The compiler has ended when this returns. */
export const readTypedSource = (project: string, folder: string): TypedSource =>
  withProject(project, folder, (opened, files) => {
    const trusted: Found<TrustedType>[] = [];
    const parts: Found<PartTaken>[] = [];
    const parameters: Found<OpenFunction>[] = [];
    for (const file of files)
      visit(file, [], { file, name: relative(ROOT, file.fileName), trusted, parts, parameters });
    const { checker } = opened;
    return {
      trusted: typed(checker, trusted),
      parts: typed(checker, parts, (type) => [...namesOf(checker, type), checker.typeToString(type)].join(' ')),
      functions: joined(typed(checker, parameters)),
    };
  });

/**
 * Where borrowed bytes are, or could be, kept beyond the call that lent them. `src/net/borrowed-bytes.ts`, which is the way to keep them,
 * alone may do so.
 */
export const findKeepers = (
  project = PROJECT,
  folder = SOURCE,
  judged = (files: readonly SourceFile[]): readonly SourceFile[] => files,
): readonly string[] =>
  withProject(project, folder, (opened, files) => {
    const isOurs = (path: string): boolean => path.startsWith(`${folder}/`) || path.startsWith(`${SOURCE}/`);
    return findKeepings(opened, judged(files), isOurs)
      .map(({ node, how, type }) => ({ ...placed(node), how, type }))
      .filter(({ place }) => !place.startsWith('src/net/borrowed-bytes.ts:'))
      .map(({ place, text, how, type }) => `${place}: ${text}, which is ${type} (${how})`);
  });

/** The files that name a borrowed type, and those that import one of them. */
export function nearBorrowed(files: readonly SourceFile[]): readonly SourceFile[] {
  const naming = new Set(files.filter(({ text }) => BORROWED.test(text)).map(({ fileName }) => fileName));
  const isNear = ({ fileName, text }: SourceFile): boolean =>
    naming.has(fileName) ||
    [...text.matchAll(/\bfrom '(\.[^']+)'/g)].some(([, target = '']) => naming.has(join(dirname(fileName), target)));
  return files.filter(isNear);
}

interface OpenedProject {
  readonly opened: Project;
  readonly files: readonly SourceFile[];
  close(): void;
}

function openProject(project: string, folder: string): OpenedProject {
  const api = new API({ cwd: ROOT });
  try {
    const [opened] = api.updateSnapshot({ openProjects: [project] }).getProjects();
    if (opened === undefined) throw new Error(`${project} is not a project`);
    const names = opened.program.getSourceFileNames().filter((name) => name.startsWith(`${folder}/`));
    const files = names.flatMap((name) => opened.program.getSourceFile(name) ?? []);
    return { opened, files, close: () => api.close() };
  } catch (error) {
    api.close();
    throw error;
  }
}

/** The product without its tests: the compiler reads half as many files. */
function openProduct(): OpenedProject {
  const own = writeTypedProject({ include: ['../../../src'], exclude: ['../../../src/web'] });
  try {
    return openProject(own.project, SOURCE);
  } finally {
    own.remove();
  }
}

let shared: OpenedProject | undefined;

/** For a file with several guards over the product, which then share one compiler with those of other such files of the process. */
export function shareProduct(): void {
  before(() => {
    shared ??= openProduct();
  });
  after(() => {
    shared?.close();
    shared = undefined;
  });
}

/** Opens a project, and gives its files below a folder to `use`. The compiler has ended when this returns, unless the product is shared. */
function withProject<T>(project: string, folder: string, use: (opened: Project, files: readonly SourceFile[]) => T): T {
  if (project === PROJECT && shared !== undefined) return use(shared.opened, shared.files);
  const one = project === PROJECT ? openProduct() : openProject(project, folder);
  try {
    return use(one.opened, one.files);
  } finally {
    one.close();
  }
}

/** The place of a node, and its text. */
function placed(node: Node): { readonly place: string; readonly text: string } {
  let file = node;
  while (!isSourceFile(file)) file = file.parent;
  const { line } = file.getLineAndCharacterOfPosition(node.getStart(file));
  const around = isExpression(node) ? node.parent : node;
  const text = around.getText(file).replace(/\s+/g, ' ').slice(0, 100);
  return { place: `${relative(ROOT, file.fileName)}:${line + 1}`, text };
}

interface Visit {
  readonly file: SourceFile;
  readonly name: string;
  readonly trusted: Found<TrustedType>[];
  readonly parts: Found<PartTaken>[];
  readonly parameters: Found<OpenFunction>[];
}

function visit(node: Node, above: readonly Node[], seen: Visit): void {
  const { file, name } = seen;
  const place = (): string => `${name}:${file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1}`;
  const trust = (kind: TrustedType['kind'], of: Node): void => {
    const text = node.getText(file).replace(/\s+/g, ' ').slice(0, 100);
    const at = place();
    seen.trusted.push({ node: of, make: (from) => ({ place: at, text, kind, from }) });
  };
  if ((isAsExpression(node) || isTypeAssertion(node)) && node.type.getText(file) !== 'const') {
    trust('cast', node.expression);
  } else if (isBinaryExpression(node) && node.operatorToken.kind === SyntaxKind.InstanceOfKeyword) {
    trust('instanceof', node.left);
  } else if (isTypePredicateNode(node)) {
    for (const parameter of parametersOf(above.at(-1))) trust('predicate', parameter);
  } else if (isParameterDeclaration(node)) {
    const open = openName(above, file);
    const at = place();
    if (open !== undefined)
      seen.parameters.push({ node, make: (type) => ({ place: at, name: open, parameters: [type] }) });
  }
  const taken = partTaken(node);
  if (taken !== undefined) {
    const { method, of } = taken;
    const text = node.parent.getText(file).replace(/\s+/g, ' ').slice(0, 100);
    const at = place();
    seen.parts.push({ node: of, make: (from) => ({ place: at, text, method, from }) });
  }
  const inside = [...above, node];
  node.forEachChild((child) => visit(child, inside, seen));
}

const isPartMethod = (name: string): name is PartTaken['method'] => /^(?:slice|subarray|buffer)$/.test(name);

/** The member that a node accesses, and the node of its object. */
function partTaken(node: Node): { readonly method: PartTaken['method']; readonly of: Node } | undefined {
  const found = (method: string, of: Node) => (isPartMethod(method) ? { method, of } : undefined);
  if (isPropertyAccessExpression(node)) return found(node.name.text, node.expression);
  if (isElementAccessExpression(node)) {
    const { argumentExpression: argument } = node;
    return isStringLiteral(argument) ? found(argument.text, node.expression) : undefined;
  }
  if (!isBindingElement(node) || node.name === undefined || !isObjectBindingPattern(node.parent)) return undefined;
  const name = node.propertyName ?? node.name;
  return isIdentifier(name) || isStringLiteral(name) ? found(name.text, node.parent) : undefined;
}

/** The names of the types that a value of this type may have. */
function namesOf(checker: Checker, type: Type): readonly string[] {
  const base = checker.getBaseConstraintOfType(type) ?? type;
  if (base.isUnionType() || base.isIntersectionType()) return base.getTypes().flatMap((one) => namesOf(checker, one));
  return [base.getSymbol()?.name ?? ''];
}

function parametersOf(node: Node | undefined): Node[] {
  const found: Node[] = [];
  node?.forEachChild((child) => {
    if (isParameterDeclaration(child)) found.push(child);
  });
  return found;
}

const isExported = (node: Node, file: SourceFile): boolean => /^export\b/.test(node.getText(file));

/** The name by which other files call the function that is the last of these nodes; undefined: they cannot. */
function openName(above: readonly Node[], file: SourceFile): string | undefined {
  const names: string[] = [];
  for (const [index, node] of above.toReversed().entries()) {
    if (isFunctionDeclaration(node)) {
      return index === 0 && isExported(node, file) ? (node.name?.getText(file) ?? 'default') : undefined;
    }
    if (isMethodDeclaration(node) || isPropertyDeclaration(node) || isPropertyAssignment(node)) {
      const name = node.name.getText(file);
      if (name.startsWith('#') || (index > 0 && isMethodDeclaration(node))) return undefined;
      names.unshift(name);
    } else if (isConstructorDeclaration(node)) {
      if (index > 0) return undefined;
      names.unshift('constructor');
    } else if (isArrowFunction(node) || isFunctionExpression(node)) {
      // A callback within another function is that function's.
      if (index > 0) return undefined;
    } else if (isVariableDeclaration(node)) names.unshift(node.name.getText(file));
    else if (isClassDeclaration(node)) names.unshift(node.name?.getText(file) ?? 'default');
    if (isClassDeclaration(node) || isVariableStatement(node))
      return isExported(node, file) ? names.join('.') : undefined;
  }
  return undefined;
}

function typed<T>(
  checker: Checker,
  found: readonly Found<T>[],
  write = (type: Type): string => checker.typeToString(type),
): T[] {
  const types = checker.getTypeAtLocation(found.map(({ node }) => node));
  return found.map(({ make }, index) => {
    const type = types[index];
    return make(type === undefined ? '' : write(type));
  });
}

/** One entry for each function, of one for each parameter. */
function joined(parameters: readonly OpenFunction[]): OpenFunction[] {
  const byName = new Map<string, OpenFunction>();
  for (const one of parameters) {
    const key = `${one.place.split(':')[0]} ${one.name}`;
    const known = byName.get(key);
    byName.set(key, { ...(known ?? one), parameters: [...(known?.parameters ?? []), ...one.parameters] });
  }
  return [...byName.values()];
}

/** Correct casts of values other than numbers: the lines around them justify them. */
const RIGHT_CASTS = new Set(['Object.fromEntries(entries) as Record<Name, number>', 'place as Held<T>']);
/** Where the memory of a Buffer is read with its offset, or is the Buffer's own. */
const RIGHT_MEMORY = /^src\/(?:net\/|region\/records\/smbios\.ts|store\/leases\/(?:lease-record|fold-pass)\.ts)/;
const BYTES = /\b(?:Uint8Array|Buffer|ArrayBuffer|DataView)\b/;

/**
 * How borrowed bytes could pass for owned ones: by any cast but one of a number to a brand, by `instanceof`, or by a predicate.
 * `src/net/borrowed-bytes.ts` alone may do so.
 */
export function findLaunderers({ trusted }: TypedSource): readonly string[] {
  return trusted
    .filter((one) => !one.place.startsWith('src/net/borrowed-bytes.ts:') && isLaunderer(one))
    .map(({ place, text, from }) => `${place}: ${text}, which is ${from}`);
}

function isLaunderer({ kind, from, text }: TrustedType): boolean {
  if (kind === 'cast') return !/^(?:number|\d+)$/.test(from) && !RIGHT_CASTS.has(text);
  return from.includes('BorrowedBytes') || (kind === 'predicate' && BYTES.test(text));
}

/**
 * Parts of bytes taken by a method that does not say whether it copies: `.slice` copies the bytes of a Uint8Array and shares those of a
 * Buffer, and every Buffer passes for a Uint8Array. `.subarray` of a Uint8Array shares them, as its name says. The memory of a
 * Buffer may also hold other data: only `net` and RIGHT_MEMORY read it.
 */
export const findAmbiguousParts = ({ parts }: TypedSource): readonly string[] =>
  parts
    .filter(({ place, method, from }) => {
      if (method === 'buffer') return /^Buffer\b|\sBuffer\b/.test(from) && !RIGHT_MEMORY.test(place);
      return /^\s*any$|\bBuffer\b/.test(from) || (method === 'slice' && /\bUint8Array\b/.test(from));
    })
    .map(({ place, text, from }) => `${place}: ${text}, of ${from}`);

/** The functions that other files can call with something borrowed, by name; a function passed as argument lends nothing. */
export const borrowers = ({ functions }: TypedSource): readonly OpenFunction[] =>
  functions.filter(({ parameters }) => parameters.some((type) => BORROWED.test(type) && !type.includes('=>')));
