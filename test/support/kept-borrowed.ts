// Where borrowed bytes could be kept: a place of the code whose type tells it.
//
//   class Waiting { #question: BorrowedBytes; }           a field, of a class or of a type
//   let last: BorrowedBytes;                               a variable of a file
//   this.#last = bytes;  entry.bytes = bytes;              what outlives the function
//   questions.set(id, bytes);  queue.push(bytes);          a collection
//   (bytes) => { last = bytes; }                           a variable of an outer function
//   (bytes) => setTimeout(() => read(bytes))               a function that is called later

import {
  isBinaryExpression,
  isCallExpression,
  isFunctionLikeDeclaration,
  isIdentifier,
  isParameterDeclaration,
  isPropertyAccessExpression,
  isPropertyDeclaration,
  isPropertySignatureDeclaration,
  isVariableDeclaration,
  type Node,
  type SourceFile,
  SyntaxKind,
} from 'typescript/unstable/ast';

/** A place that could keep something, and the node whose type says whether that is borrowed. */
export interface Keeping {
  readonly of: Node;
  readonly how: 'field' | 'variable' | 'collection' | 'later';
}

/** The types that lie in memory of a socket. */
const BORROWED = /\b(?:BorrowedBytes|BorrowedView|ReceivedDatagram|HeardFrame|ByteReader|NetlinkPart)\b/;
/** Methods that put what they are given into what they belong to. */
const PUTTING = /^(?:set|add|push|unshift|splice|fill|enqueue|append)$/;
/** Methods that have called the function they are given when they return. */
const AT_ONCE = /^(?:map|flatMap|filter|forEach|some|every|find|findIndex|findLast|reduce|from|sort|toSorted)$/;

/** A cursor that a function makes for itself is read by functions within it, which do not outlive it. */
const CURSOR = /\bByteReader\b/;

/** Whether a place keeps something borrowed, by its type; a function that takes borrowed bytes keeps none. */
export const isBorrowed = (type: string, how: Keeping['how']): boolean =>
  BORROWED.test(type) && !type.includes('=>') && !(how === 'later' && CURSOR.test(type));

/** What of a node could be kept by it. */
export function keepingsAt(node: Node, above: readonly Node[], file: SourceFile): readonly Keeping[] {
  if (isPropertyDeclaration(node) || isPropertySignatureDeclaration(node)) return [{ of: node, how: 'field' }];
  if (isVariableDeclaration(node) && !above.some(isFunctionLikeDeclaration)) return [{ of: node, how: 'variable' }];
  if (isBinaryExpression(node) && node.operatorToken.kind === SyntaxKind.EqualsToken) {
    const { left, right } = node;
    if (!isIdentifier(left)) return [{ of: right, how: 'field' }];
    return isOfInnermost(left.getText(file), above, file) ? [] : [{ of: right, how: 'variable' }];
  }
  if (isCallExpression(node) && isPropertyAccessExpression(node.expression)) {
    const method = node.expression.name.getText(file);
    // What a Map keeps is the second word of `set`; of bytes, `set` copies the first.
    const put = method === 'set' ? node.arguments.slice(1) : node.arguments;
    return PUTTING.test(method) ? put.map((of) => ({ of, how: 'collection' }) as const) : [];
  }
  return isIdentifier(node) && isUsedLater(node, above, file) ? [{ of: node, how: 'later' }] : [];
}

/** The functions around a node, innermost first. */
const functionsOf = (above: readonly Node[]): readonly Node[] => above.filter(isFunctionLikeDeclaration).toReversed();

function isOfInnermost(name: string, above: readonly Node[], file: SourceFile): boolean {
  const [innermost] = functionsOf(above);
  return innermost !== undefined && declares(innermost, name, file);
}

/** True for a name of an outer function within a function that is not called at once. */
function isUsedLater(node: Node, above: readonly Node[], file: SourceFile): boolean {
  const name = node.getText(file);
  const parent = above.at(-1);
  if (parent !== undefined && isPropertyAccessExpression(parent) && parent.name === node) return false;
  const functions = functionsOf(above);
  const owner = functions.findIndex((one) => declares(one, name, file));
  return owner > 0 && functions.slice(0, owner).some((one) => !isCalledAtOnce(one, above, file));
}

function isCalledAtOnce(one: Node, above: readonly Node[], file: SourceFile): boolean {
  const call = above[above.indexOf(one) - 1];
  if (call === undefined || !isCallExpression(call)) return false;
  const { expression } = call;
  return isPropertyAccessExpression(expression) && AT_ONCE.test(expression.name.getText(file));
}

/** Whether a function declares a name itself: as a parameter or a variable, not within a function of its own. */
function declares(one: Node, name: string, file: SourceFile): boolean {
  let found = false;
  const look = (node: Node): void => {
    if (found) return;
    if (isVariableDeclaration(node) || isParameterDeclaration(node)) {
      found = new RegExp(`(?<![\\w#.])${name}(?!\\w|:)`).test(node.name.getText(file));
    }
    if (!found && !isFunctionLikeDeclaration(node)) node.forEachChild(look);
  };
  one.forEachChild(look);
  return found;
}
