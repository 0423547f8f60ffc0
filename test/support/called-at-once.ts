// Functions whose last call is over when the function around them returns: they may read its borrowed bytes.
//
//   all.map((at) => bytes[at])                            passed to a method of the language's own collections
//   const u16 = () => reader.u16('x');  u16() + u16()     kept by a name that is only ever called, itself in time
//
// Any other function may be called later: by a timer, a promise, an event, or any function that received it.

import {
  type CallExpression,
  isCallExpression,
  isFunctionDeclaration,
  isFunctionLikeDeclaration,
  isIdentifier,
  isPropertyAccessExpression,
  isSourceFile,
  isVariableDeclaration,
  type Node,
  SyntaxKind,
} from 'typescript/unstable/ast';
import type { Checker, Symbol as SourceSymbol } from 'typescript/unstable/sync';

/** Methods of the language's collections that have called the function they are given when they return. */
const AT_ONCE = /^(?:map|flatMap|filter|forEach|some|every|find|findIndex|findLast|reduce|from|sort|toSorted)$/;

/** The functions around a node, innermost first. */
export function functionsOf(node: Node): readonly Node[] {
  const found: Node[] = [];
  for (let above = node.parent; !isSourceFile(above); above = above.parent)
    if (isFunctionLikeDeclaration(above)) found.push(above);
  return found;
}

/** True for a function that continues after it has returned: an async one, or a generator. */
export const rests = (node: Node): boolean =>
  ('asteriskToken' in node && node.asteriskToken !== undefined) ||
  ('modifiers' in node &&
    Array.isArray(node.modifiers) &&
    node.modifiers.some(({ kind }: Node) => kind === SyntaxKind.AsyncKeyword));

/** Tells which functions are called at once. */
export class CalledAtOnce {
  readonly #checker: Checker;
  readonly #isOurs: (path: string) => boolean;

  constructor(checker: Checker, isOurs: (path: string) => boolean) {
    this.#checker = checker;
    this.#isOurs = isOurs;
  }

  /** True where no function between a name and its declaration could be called after the function that declares it has returned. */
  isInTime(name: Node, symbol: SourceSymbol | undefined): boolean {
    const declared = symbol?.valueDeclaration?.resolve();
    return declared === undefined || this.#isWithin(name, declared, []);
  }

  /** @param asked functions whose callers are already being examined, so that recursion ends */
  #isWithin(name: Node, declared: Node, asked: readonly Node[]): boolean {
    const owner = functionsOf(declared)[0];
    const within = functionsOf(name);
    const depth = owner === undefined ? within.length : within.indexOf(owner);
    return within.slice(0, depth).every((one) => asked.includes(one) || this.#isCalledAtOnce(one, asked));
  }

  #isCalledAtOnce(one: Node, asked: readonly Node[]): boolean {
    if (rests(one)) return false;
    const { parent } = one;
    if (isCallExpression(parent)) return this.#callsAtOnce(parent);
    const named = isFunctionDeclaration(one) ? one : isVariableDeclaration(parent) ? parent : undefined;
    if (named?.name === undefined || !isIdentifier(named.name)) return false;
    return this.#usesOf(named.name).every((name) => {
      const isCalled =
        isCallExpression(name.parent) && (name.parent.expression === name || this.#callsAtOnce(name.parent));
      return isCalled && this.#isWithin(name, named, [...asked, one]);
    });
  }

  /** Where a name is used, but for its declaration. */
  #usesOf(name: Node): readonly Node[] {
    const symbol = this.#checker.getSymbolAtLocation(name);
    if (symbol === undefined) return [name];
    const found = this.#checker.getReferencesToSymbolInFile(name.getSourceFile().fileName, symbol);
    return found.flatMap((one) => one.resolve() ?? []).filter((one) => one !== name);
  }

  #callsAtOnce(call: CallExpression): boolean {
    const { expression } = call;
    if (!isPropertyAccessExpression(expression) || !AT_ONCE.test(expression.name.text)) return false;
    const path = this.#checker.getResolvedSignature(call)?.declaration?.path;
    return path !== undefined && !this.#isOurs(path);
  }
}
