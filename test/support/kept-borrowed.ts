// Where borrowed bytes could outlive the call that lent them. No value is followed from place to place. Instead, an expression whose
// type holds borrowed bytes may be read, and may go where a type says that they are borrowed, and nowhere else:
//
//   class Waiting { #question: BorrowedBytes; }           field       of a class, an interface or a type alias
//   this.#last ??= bytes;                                 field       whatever its type is
//   let last: BorrowedBytes;   last = bytes;              variable    of a file or an outer function, or one of a wider type
//   keep(bytes) for (value: unknown) => void              handed      to a parameter that is not borrowed
//   seen.set(bytes, 1);   read.bind(null, bytes)          handed      to a function that is not of this source
//   setTimeout(() => read(bytes))                         later       read by a function that is not called at once
//   async (bytes) => { … }   function* (bytes) { … }      later       read by a function that rests
//   each(all, ({ bytes }) => bytes)   [unknown, bytes]    widened     returned, chosen or listed as a type that is not borrowed
//   each(all, keep) for keep = (value: unknown) => …      widened     by a function that accepts more than promised

import {
  isArrayLiteralExpression,
  isBinaryExpression,
  isCallExpression,
  isExpression,
  isFunctionTypeNode,
  isHeritageClause,
  isIdentifier,
  isImportDeclaration,
  isIndexSignatureDeclaration,
  isMethodDeclaration,
  isMethodSignatureDeclaration,
  isParameterDeclaration,
  isPropertyDeclaration,
  isPropertySignatureDeclaration,
  isShorthandPropertyAssignment,
  isTypeAliasDeclaration,
  isTypeParameterDeclaration,
  isVariableDeclaration,
  type Node,
  type SourceFile,
  SyntaxKind,
} from 'typescript/unstable/ast';
import type { Project, Type } from 'typescript/unstable/sync';
import { BorrowedFlow, CHOOSING, type How } from './borrowed-flow.ts';
import { BORROWED, BorrowedTypes, ONE_BORROWED } from './borrowed-types.ts';
import { functionsOf, rests } from './called-at-once.ts';

const NEVER_BORROWED = new Set([
  SyntaxKind.StringLiteral,
  SyntaxKind.NumericLiteral,
  SyntaxKind.BigIntLiteral,
  SyntaxKind.RegularExpressionLiteral,
  SyntaxKind.NoSubstitutionTemplateLiteral,
  SyntaxKind.TemplateExpression,
  SyntaxKind.TrueKeyword,
  SyntaxKind.FalseKeyword,
  SyntaxKind.NullKeyword,
  SyntaxKind.PrefixUnaryExpression,
  SyntaxKind.PostfixUnaryExpression,
  SyntaxKind.TypeOfExpression,
  SyntaxKind.VoidExpression,
  SyntaxKind.DeleteExpression,
]);

/** A place that could keep something borrowed. */
export interface Keeping {
  readonly node: Node;
  readonly how: How;
  /** The type that it could keep, as the compiler writes it. */
  readonly type: string;
}

/** @param isOurs whether the functions of a file are judged themselves, so that the types of their parameters can be relied on */
export function findKeepings(
  project: Project,
  files: readonly SourceFile[],
  isOurs: (path: string) => boolean,
): readonly Keeping[] {
  const types = new BorrowedTypes(project);
  const flow = new BorrowedFlow(types, isOurs);
  const nodes = files.flatMap(judgedNodes);
  const found = types.checker.getTypeAtLocation(nodes);
  return nodes.flatMap((node, index): Keeping[] => {
    const type = found[index];
    if (type === undefined) return [];
    const how = isMethodDeclaration(node)
      ? flow.judgeMethod(node, type)
      : isDeclaration(node)
        ? judgeDeclaration(node, type, types)
        : judgeValue(node, type, types, flow);
    return how === undefined ? [] : [{ node, how, type: types.text(type) }];
  });
}

/** A place may be declared as borrowed only where it ends with a call. */
function judgeDeclaration(node: Node, type: Type, types: BorrowedTypes): How | undefined {
  if (isNaming(node)) {
    return namesBorrowed(node) ? 'field' : undefined;
  }
  if (!types.holds(type)) return undefined;
  if (isVariableDeclaration(node)) return functionsOf(node).length === 0 ? 'variable' : undefined;
  if (isParameterDeclaration(node)) return rests(node.parent) ? 'later' : undefined;
  // The parts of a borrowed type are how it is declared.
  return 'name' in node.parent && isBorrowedName(node.parent.name) ? undefined : 'field';
}

const isBorrowedName = (name: unknown): boolean =>
  typeof name === 'object' && name !== null && 'text' in name && ONE_BORROWED.test(String(name.text));

function judgeValue(node: Node, type: Type, types: BorrowedTypes, flow: BorrowedFlow): How | undefined {
  if (!isExpression(node)) return undefined;
  if (isIdentifier(node) && node.text === 'arguments') return flow.judgeArguments(node);
  if (!types.holds(type)) return flow.judgeFunction(node, type);
  const [innermost] = functionsOf(node);
  if (innermost !== undefined && rests(innermost)) return 'later';
  if (isIdentifier(node) && !flow.isReadInTime(node)) return 'later';
  return flow.judge(node);
}

/** The nodes of a file that are judged: values, and declarations of what could keep one. */
function judgedNodes(file: SourceFile): readonly Node[] {
  const found: Node[] = [];
  const visit = (node: Node): void => {
    if (isImportDeclaration(node)) return;
    if (isDeclaration(node) || isValue(node)) found.push(node);
    node.forEachChild(visit);
  };
  visit(file);
  return found;
}

/** True for a node that relates one type to another: an alias, a base, a type parameter, an index. */
const isNaming = (node: Node): boolean =>
  isTypeAliasDeclaration(node) ||
  isHeritageClause(node) ||
  isTypeParameterDeclaration(node) ||
  isIndexSignatureDeclaration(node);

const isDeclaration = (node: Node): boolean =>
  isNaming(node) ||
  isMethodDeclaration(node) ||
  isVariableDeclaration(node) ||
  isParameterDeclaration(node) ||
  isPropertyDeclaration(node) ||
  isPropertySignatureDeclaration(node);

/** An expression that could be borrowed, or a function; not a function that is called right there. */
function isValue(node: Node): boolean {
  if (!isExpression(node) || isName(node) || isEmptyList(node)) return false;
  if (isCallExpression(node.parent) && node.parent.expression === node) return false;
  return !NEVER_BORROWED.has(node.kind) && !(isBinaryExpression(node) && !CHOOSING.has(node.operatorToken.kind));
}

/** The name of a declaration or a member is not a value. */
const isName = (node: Node): boolean => {
  const { parent } = node;
  return !isShorthandPropertyAssignment(parent) && 'name' in parent && parent.name === node;
};

/** The compiler has no type for `[]` as a default. It holds nothing. */
const isEmptyList = (node: Node): boolean => isArrayLiteralExpression(node) && node.elements.length === 0;

/** True if a renamed type contains borrowed bytes; a function that takes them does not. */
function namesBorrowed(node: Node): boolean {
  if (isFunctionTypeNode(node) || isMethodSignatureDeclaration(node)) return false;
  if (isIdentifier(node) && BORROWED.test(node.text)) return true;
  let found = false;
  node.forEachChild((child) => {
    found ||= namesBorrowed(child);
  });
  return found;
}
