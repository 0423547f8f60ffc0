// Finds everything in the product that can grow, by the compiler's types: every Map, Set, array and object with arbitrary keys that a class,
// an interface or a file keeps; every text and all bytes that are appended to; every class of ours that keeps one of these without a bound of
// its own; and every bound passed to a class that takes one.
//
//   readonly #given = new Map<MacAddress, Given>();   boot/boot-tokens.ts #given
//   #list: readonly Rack[] = [];                      region/racks/racks.ts #list (it can be replaced by a longer one)
//   readonly holdings: Map<string, Holding>;          net/shares/fair-shares.ts Network.holdings (a member of an interface)
//   #line = ''; … this.#line += chunk;                uplink/event-stream-reader.ts #line
//   stream.on('data', (chunk) => chunks.push(chunk)) power/program.ts keepOutput.chunks (a variable of keepOutput)
//   new FairShares<Asker>({ max: WAITERS_MAX })       dns/flights.ts: WAITERS_MAX is given to FairShares
//
// 1. Unchangeable ones are left out: a read-only list in a read-only field, and a constant of a file that is written out there.
// 2. A variable of a function ends with the call, unless an inner function adds to it: that may be called long after (`readAnswer.chunks`).
//    An inner function that is called at once, by `forEach` and the like, is not distinguished.

import { relative } from 'node:path';
import {
  isArrowFunction,
  isBinaryExpression,
  isCallExpression,
  isClassDeclaration,
  isConstructorDeclaration,
  isFunctionDeclaration,
  isFunctionExpression,
  isGetAccessorDeclaration,
  isIdentifier,
  isInterfaceDeclaration,
  isMethodDeclaration,
  isNewExpression,
  isObjectLiteralExpression,
  isPropertyAssignment,
  isPropertyDeclaration,
  isPropertySignatureDeclaration,
  isSourceFile,
  isVariableDeclaration,
  type Node,
  type SourceFile,
  SyntaxKind,
} from 'typescript/unstable/ast';
import { NodeBuilderFlags, type Type } from 'typescript/unstable/sync';
import { PRODUCT, withProject } from '../support/typed-source.ts';

/** Something that can grow. */
export interface FoundCollection {
  /** The file below `src`, a space, and the name: `boot/boot-tokens.ts #given`. */
  readonly at: string;
  /** The type as the compiler writes it. */
  readonly type: string;
  /** True where its values are, or hold, lists of their own: each of them needs a bound, too. */
  readonly holdsLists: boolean;
}

/** A bound that is given to something which takes one. */
export interface GivenBound {
  /** The file below `src`. */
  readonly file: string;
  /** The class that takes it: `FairShares`. */
  readonly taker: string;
  /** As it is written, with the blanks of one line. */
  readonly expression: string;
}

export interface FoundGrowth {
  /** Classes whose constructor takes a bound, and that are not in TAKERS: `files/slice-cache.ts SliceCache`. */
  readonly unknownTakers: readonly string[];
  readonly collections: readonly FoundCollection[];
  readonly given: readonly GivenBound[];
}

/** Classes of ours that keep as much as they are given: their owner names the bound. */
const WITHOUT_BOUND = ['DeadlineQueue', 'NumberTable', 'CountedKeys', 'EventSampler'];
const COLLECTIONS = new Set(['Map', 'Set', 'WeakMap', 'WeakSet', 'Array', ...WITHOUT_BOUND]);
/** They grow where their field may be given another. */
const READ_ONLY = new Set(['ReadonlyMap', 'ReadonlySet', 'ReadonlyArray']);
/** An object to which any key may be added. */
const ANY_KEY = /^(?:Record<(?:string|number)\b|Partial<Record<(?:string|number)\b|\{ \[\w+: (?:string|number)\])/;
/** Text and bytes grow where they are added to. */
const ADDABLE = /^(?:string|Buffer|Uint8Array)\b(?:<\w+>)?(?: \| undefined)?$/;
const LISTS = /\b(?:Readonly)?(?:Map|Set)<|\[\]/;

/** Which arguments of a class are bounds, by their places, and which members of an argument that is written out. */
const TAKERS: ReadonlyMap<string, readonly number[]> = new Map([
  ['BoundedMap', [0]],
  ['FairShares', [0]],
  ['LongWork', [0]],
  ['KeptApart', [0]],
  ['RateLimit', [0]],
  ['RateLimits', [0, 1]],
  ['RateLimiter', [0, 1, 2]],
  ['EventSampler', [0, 1]],
  ['BodyPlaces', [1]],
  ['ConnectionShares', [0]],
  ['TurnQueue', [0]],
  ['Turns', [1]],
  ['Buckets', [0, 1]],
  ['AddressRates', [0, 1, 2, 3]],
  ['ReportSampler', [1]],
  ['SliceCache', [0]],
  ['BootTree', [1]],
  ['PowerTable', [2]],
  ['MachineStamps', [1]],
  ['MachineTexts', [1]],
]);
/** A parameter that is a bound; a time is not, because no host can fill it. */
const BOUND_PARAMETER = /^(?:max|\w+(?<!Ms|Seconds)Max)$/;
const BOUND_MEMBER = /^(?:max|addressMax|waitingMax|keysMax)$/;

interface FoundField {
  readonly node: Node;
  /** True where the file adds to it as one adds to text or bytes: `+=`, `concat`. */
  readonly isAddedTo: boolean;
  readonly at: string;
  /** The class or interface; empty: the file. */
  readonly owner: string;
  readonly mayBeReplaced: boolean;
}

/** Everything that can grow below a folder. */
export const findGrowth = (project = PRODUCT.project, folder = PRODUCT.folder): FoundGrowth =>
  withProject(project, folder, ({ checker }, files) => {
    const found: FoundField[] = [];
    const given: GivenBound[] = [];
    const unknownTakers: string[] = [];
    for (const file of files)
      visit(file, { file, name: relative(folder, file.fileName), fields: found, given, unknownTakers });
    const fields = withOwners(found);
    const types = checker.getTypeAtLocation(fields.map(({ node }) => node));
    const namesOf = (type: Type): readonly string[] =>
      type.isUnionType() ? type.getTypes().flatMap(namesOf) : [type.getSymbol()?.name ?? ''];
    const collections = fields.flatMap(({ at, mayBeReplaced, isAddedTo }, index) => {
      const type = types[index];
      if (type === undefined) return [];
      const text = checker.typeToString(type, undefined, NodeBuilderFlags.NoTruncation);
      const grows = (name: string): boolean => COLLECTIONS.has(name) || (mayBeReplaced && READ_ONLY.has(name));
      const isOther = ANY_KEY.test(text) || (isAddedTo && ADDABLE.test(text));
      if (!isOther && !namesOf(type).some(grows)) return [];
      return [{ at, type: text, holdsLists: LISTS.test(withoutOuter(text)) }];
    });
    return { collections, given, unknownTakers };
  });

/** The contents of a collection: its type without its own `Map<`, `Set<` or `[]`, and without parameters of functions in it. */
function withoutOuter(type: string): string {
  const own = type
    .replace(/ \| undefined$/, '')
    .replace(/^readonly /, '')
    .replaceAll(/\([^()]*\) =>/g, '() =>');
  return own.endsWith('[]') ? own.slice(0, -2) : own.slice(own.indexOf('<') + 1);
}

/** Fields of the same name in several classes of a file are named with their class. */
function withOwners(fields: readonly FoundField[]): readonly FoundField[] {
  const times = Map.groupBy(fields, ({ at }) => at);
  return fields.map((field) => {
    const [file = '', name = ''] = field.at.split(' ');
    return times.get(field.at)?.length === 1 ? field : { ...field, at: `${file} ${field.owner}.${name}` };
  });
}

interface Visit {
  readonly file: SourceFile;
  readonly name: string;
  readonly fields: FoundField[];
  readonly given: GivenBound[];
  readonly unknownTakers: string[];
}

function visit(node: Node, seen: Visit): void {
  const { file, name, fields, given, unknownTakers } = seen;
  if (isPropertyDeclaration(node) || isPropertySignatureDeclaration(node)) {
    const own = node.name.getText(file);
    const { parent } = node;
    const isStatic = hasModifier(node, SyntaxKind.StaticKeyword);
    const owner =
      (isClassDeclaration(parent) || isInterfaceDeclaration(parent)) && parent.name !== undefined
        ? parent.name.getText(file)
        : undefined;
    const mayBeReplaced = !hasModifier(node, SyntaxKind.ReadonlyKeyword) && isPropertyDeclaration(node);
    const path = own.startsWith('#') || isStatic ? own : `${owner}.${own}`;
    // A type declared within a function keeps nothing.
    if (owner !== undefined)
      fields.push({ node, at: `${name} ${path}`, owner, mayBeReplaced, isAddedTo: addsTo(own, file) });
  } else if (isVariableDeclaration(node) && isIdentifier(node.name) && isOfFile(node)) {
    const mayBeReplaced = !node.parent.getText(file).startsWith('const');
    const isWrittenOut =
      !mayBeReplaced && !new RegExp(`\\b${node.name.text}\\.(?:set|add|push|delete)\\(`).test(file.text);
    const isWeak = /\bWeak(?:Map|Set)\b/.test(node.getText(file));
    if (!isWrittenOut || isWeak)
      fields.push({
        node,
        at: `${name} ${node.name.text}`,
        owner: '',
        mayBeReplaced,
        isAddedTo: addsTo(node.name.text, file),
      });
  } else if (isVariableDeclaration(node) && isIdentifier(node.name)) {
    const within = functionAround(node);
    if (within !== undefined && isAddedToWithin(within, node.name.text, file)) {
      const mayBeReplaced = !node.parent.getText(file).startsWith('const');
      const at = `${name} ${nameOf(within, file)}.${node.name.text}`;
      fields.push({ node, at, owner: '', mayBeReplaced, isAddedTo: addsTo(node.name.text, file) });
    }
  } else if (isNewExpression(node)) {
    const taker = node.expression.getText(file);
    for (const place of TAKERS.get(taker) ?? []) {
      const argument = node.arguments?.[place];
      if (argument === undefined) continue;
      for (const expression of boundsOf(argument, file)) given.push({ file: name, taker, expression });
    }
  } else if (isConstructorDeclaration(node) && isClassDeclaration(node.parent)) {
    const owner = node.parent.name?.getText(file) ?? '';
    const takesBound = node.parameters.some((parameter) => BOUND_PARAMETER.test(parameter.name?.getText(file) ?? ''));
    if (takesBound && !TAKERS.has(owner)) unknownTakers.push(`${name} ${owner}`);
  }
  node.forEachChild((child) => visit(child, seen));
}

/** True where a file adds to text or bytes of this name. */
const addsTo = (name: string, file: SourceFile): boolean =>
  new RegExp(
    `(?<!\\w)${name} (?:\\+= |= (?:Buffer\\.)?concat\\w*\\(\\[?(?:this\\.)?${name}\\b|= \`\\$\\{(?:this\\.)?${name}\\})`,
  ).test(file.text);

const isFunction = (node: Node): boolean =>
  isFunctionDeclaration(node) ||
  isFunctionExpression(node) ||
  isArrowFunction(node) ||
  isMethodDeclaration(node) ||
  isConstructorDeclaration(node) ||
  isGetAccessorDeclaration(node);

/** The function in which a node stands; undefined: none. */
function functionAround(node: Node): Node | undefined {
  for (let at = node.parent; !isSourceFile(at); at = at.parent) if (isFunction(at)) return at;
  return undefined;
}

/** The name by which a reader finds a function: its own, or that of the variable or call that takes it. */
function nameOf(node: Node, file: SourceFile): string {
  for (let at = node; !isSourceFile(at); at = at.parent) {
    if (isFunctionDeclaration(at) || isMethodDeclaration(at)) return at.name?.getText(file) ?? '';
    if (isConstructorDeclaration(at)) return 'constructor';
    if (isPropertyDeclaration(at) || (isVariableDeclaration(at) && isOfFile(at))) return at.name.getText(file);
  }
  return '';
}

/** True where a function within this one adds to a variable of it, or gives it another value. */
function isAddedToWithin(within: Node, name: string, file: SourceFile): boolean {
  const adds = new RegExp(`^${name}(?:\\.(?:set|add|push|unshift)\\(| (?:\\?\\?|\\+)?= )`);
  const look = (node: Node, isInner: boolean): boolean => {
    if (isInner && (isCallExpression(node) || isBinaryExpression(node)) && adds.test(node.getText(file))) return true;
    let found = false;
    node.forEachChild((child) => {
      found ||= look(child, isInner || isFunction(child));
    });
    return found;
  };
  return look(within, false);
}

/** The bounds in an argument: of an object that is written out those of its members that are bounds, or all of it; a rate of a field by its name. */
function boundsOf(argument: Node, file: SourceFile): readonly string[] {
  const text = (node: Node): string => node.getText(file).replace(/\s+/g, ' ');
  if (!isObjectLiteralExpression(argument)) return [text(argument)];
  const found = argument.properties.flatMap((member) => {
    const [name = ''] = text(member).split(':');
    if (!BOUND_MEMBER.test(name)) return [];
    return [isPropertyAssignment(member) ? text(member.initializer) : name];
  });
  if (found.length > 0) return found;
  const field = argument.parent.parent;
  return [isPropertyDeclaration(field) ? text(field.name) : text(argument)];
}

const hasModifier = (node: { readonly modifiers?: Iterable<Node> | undefined }, kind: SyntaxKind): boolean =>
  [...(node.modifiers ?? [])].some((modifier) => modifier.kind === kind);

/** True for a variable of the file itself. */
const isOfFile = (node: Node): boolean => isSourceFile(node.parent.parent.parent);
