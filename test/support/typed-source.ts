// The source of the product as the compiler sees it: its syntax with the types of its expressions.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import {
  isArrowFunction,
  isAsExpression,
  isBinaryExpression,
  isBindingElement,
  isClassDeclaration,
  isConstructorDeclaration,
  isElementAccessExpression,
  isFunctionDeclaration,
  isFunctionExpression,
  isIdentifier,
  isInterfaceDeclaration,
  isMethodDeclaration,
  isObjectBindingPattern,
  isParameterDeclaration,
  isPropertyAccessExpression,
  isPropertyAssignment,
  isPropertyDeclaration,
  isPropertySignatureDeclaration,
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

const ROOT = join(import.meta.dirname, '..', '..');
const SOURCE = join(ROOT, 'src');
const CACHE = join(ROOT, 'node_modules', '.cache');

/** The types that lie in memory of a socket. */
export const BORROWED = /\b(?:BorrowedBytes|BorrowedView|ReceivedDatagram|ReceivedFrame|ByteReader|NetlinkPart)\b/;

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

/** A field of a class, an interface or an object type, or a variable of a file. */
interface Field {
  readonly place: string;
  readonly text: string;
  readonly type: string;
}

export interface TypedSource {
  readonly trusted: readonly TrustedType[];
  readonly parts: readonly PartTaken[];
  readonly functions: readonly OpenFunction[];
  readonly fields: readonly Field[];
}

/** Where a thing stands whose type is asked for later, all of them at once. */
interface Found<T> {
  readonly node: Node;
  readonly make: (type: string) => T;
}

let product: TypedSource | undefined;

/** The product's source, read once for all tests of a process: the compiler takes seconds. Tests are left out, so that it reads half as many files. */
export function readProduct(): TypedSource {
  if (product !== undefined) return product;
  mkdirSync(CACHE, { recursive: true });
  const folder = mkdtempSync(join(CACHE, 'product-'));
  const project = join(folder, 'tsconfig.json');
  const options = { extends: '../../../tsconfig.json', include: ['../../../src'], exclude: ['../../../src/web'] };
  writeFileSync(project, JSON.stringify(options));
  const api = new API({ cwd: ROOT });
  try {
    const [opened] = api.updateSnapshot({ openProjects: [project] }).getProjects();
    if (opened === undefined) throw new Error(`${project} is not a project`);
    product = readTypes(opened);
    return product;
  } finally {
    api.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function readTypes({ program, checker }: Project): TypedSource {
  const trusted: Found<TrustedType>[] = [];
  const parts: Found<PartTaken>[] = [];
  const parameters: Found<OpenFunction>[] = [];
  const fields: Found<Field>[] = [];
  for (const path of program.getSourceFileNames().filter((name) => name.startsWith(`${SOURCE}/`))) {
    const file = program.getSourceFile(path);
    if (file !== undefined) visit(file, [], { file, name: relative(ROOT, path), trusted, parts, parameters, fields });
  }
  return {
    trusted: typed(checker, trusted),
    parts: typed(checker, parts, (type) => [...namesOf(checker, type), checker.typeToString(type)].join(' ')),
    functions: joined(typed(checker, parameters)),
    fields: typed(checker, fields),
  };
}

interface Visit {
  readonly file: SourceFile;
  readonly name: string;
  readonly trusted: Found<TrustedType>[];
  readonly parts: Found<PartTaken>[];
  readonly parameters: Found<OpenFunction>[];
  readonly fields: Found<Field>[];
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
  } else if (isField(node, above)) {
    const [at, text] = [place(), node.getText(file)];
    seen.fields.push({ node, make: (type) => ({ place: at, text, type }) });
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

/** Not a field of a borrowed type, whose parts are how it is declared. */
function isField(node: Node, above: readonly Node[]): boolean {
  if (isVariableDeclaration(node)) return above.length <= 3;
  if (!isPropertyDeclaration(node) && !isPropertySignatureDeclaration(node)) return false;
  const owner = above.at(-1);
  return !(
    owner !== undefined &&
    (isClassDeclaration(owner) || isInterfaceDeclaration(owner)) &&
    BORROWED.test(owner.name?.text ?? '')
  );
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
const RIGHT_CASTS = new Set(['Object.fromEntries(entries) as Record<Name, number>', 'place as HeldPlace<T>']);
/** Where the memory of a Buffer is read with its offset, or is the Buffer's own. */
const RIGHT_MEMORY = /^src\/(?:net\/|region\/records\/smbios\.ts|store\/leases\/(?:lease-record|fold-pass)\.ts)/;
const BYTES = /\b(?:Uint8Array|Buffer|ArrayBuffer|DataView)\b/;

/**
 * How borrowed bytes could pass for owned ones: by any cast but one of a number to a brand, by `instanceof`, or by a predicate.
 * `src/ground/borrowed-bytes.ts` alone may do so.
 */
export function findLaunderers({ trusted }: TypedSource): readonly string[] {
  return trusted
    .filter((one) => !one.place.startsWith('src/ground/borrowed-bytes.ts:') && isLaunderer(one))
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

/** Fields, and variables of a file, that could keep borrowed bytes beyond the call that lent them. */
export const findKeepers = ({ fields }: TypedSource): readonly string[] =>
  fields
    .filter(({ type }) => BORROWED.test(type) && !type.includes('=>'))
    .map(({ place, text }) => `${place}: ${text}`);

/** The functions that other files can call with something borrowed, by name; a function passed as argument lends nothing. */
export const borrowers = ({ functions }: TypedSource): readonly OpenFunction[] =>
  functions.filter(({ parameters }) => parameters.some((type) => BORROWED.test(type) && !type.includes('=>')));
