// Where a value goes from its expression, by the code around the expression. A use is refused unless it is known here to end with the
// call, or has a borrowed type itself.

import {
  type CallExpression,
  type Expression,
  isArrayLiteralExpression,
  isBinaryExpression,
  isCallExpression,
  isElementAccessExpression,
  isForOfStatement,
  isIdentifier,
  isNewExpression,
  isObjectLiteralExpression,
  isParameterDeclaration,
  isPropertyAccessExpression,
  isShorthandPropertyAssignment,
  isVariableDeclaration,
  isVariableDeclarationList,
  type NewExpression,
  type Node,
  SyntaxKind,
} from 'typescript/unstable/ast';
import type { Type } from 'typescript/unstable/sync';
import type { BorrowedTypes, Shape } from './borrowed-types.ts';
import { CalledAtOnce, functionsOf } from './called-at-once.ts';

export type How = 'field' | 'variable' | 'handed' | 'later' | 'widened';

const KEEPING_ASSIGNMENTS = new Set([
  SyntaxKind.EqualsToken,
  SyntaxKind.QuestionQuestionEqualsToken,
  SyntaxKind.BarBarEqualsToken,
  SyntaxKind.AmpersandAmpersandEqualsToken,
]);
/** A function of ours that returns its argument in a type made of it, and keeps nothing. */
const PASSED_ON = { name: 'decoded', file: '/src/net/byte-reader.ts' };
/** Operators whose result is one of their operands. */
export const CHOOSING = new Set([
  SyntaxKind.QuestionQuestionToken,
  SyntaxKind.BarBarToken,
  SyntaxKind.AmpersandAmpersandToken,
  SyntaxKind.CommaToken,
]);

/** Judges values that hold borrowed bytes, and functions that could be given some. */
export class BorrowedFlow {
  readonly #types: BorrowedTypes;
  readonly #isOurs: (path: string) => boolean;
  readonly #atOnce: CalledAtOnce;

  /** @param isOurs whether the functions of a file are judged themselves, so that the types of their parameters can be relied on */
  constructor(types: BorrowedTypes, isOurs: (path: string) => boolean) {
    this.#types = types;
    this.#isOurs = isOurs;
    this.#atOnce = new CalledAtOnce(types.checker, isOurs);
  }

  /** True for a name that is read while the function that declares it runs. */
  isReadInTime(name: Node): boolean {
    const { checker } = this.#types;
    const isShort = isShorthandPropertyAssignment(name.parent);
    const symbol = isShort ? checker.getShorthandAssignmentValueSymbol(name.parent) : checker.getSymbolAtLocation(name);
    return this.#atOnce.isInTime(name, symbol);
  }

  /** Where a value that holds borrowed bytes goes; undefined: nowhere, or where its type says so. */
  judge(node: Expression): How | undefined {
    const { parent } = node;
    switch (parent.kind) {
      case SyntaxKind.PropertyAccessExpression:
      case SyntaxKind.ElementAccessExpression:
      case SyntaxKind.ExpressionStatement:
      case SyntaxKind.IfStatement:
      case SyntaxKind.WhileStatement:
      case SyntaxKind.TypeOfExpression:
      case SyntaxKind.PrefixUnaryExpression:
        return undefined;
      case SyntaxKind.ForOfStatement:
        return isForOfStatement(parent) && isVariableDeclarationList(parent.initializer) ? undefined : 'field';
      case SyntaxKind.CallExpression:
      case SyntaxKind.NewExpression:
        return this.#judgeArgument(parent, node);
      case SyntaxKind.SpreadElement:
        return isArrayLiteralExpression(parent.parent)
          ? this.#judgePart(parent.parent)
          : this.#judgeArgument(parent.parent, parent);
      case SyntaxKind.PropertyAssignment:
      case SyntaxKind.ShorthandPropertyAssignment:
      case SyntaxKind.SpreadAssignment:
        return this.#judgePart(parent.parent);
      case SyntaxKind.ConditionalExpression:
        return 'condition' in parent && parent.condition === node ? undefined : this.#judgePart(parent);
      case SyntaxKind.BinaryExpression:
        return this.#judgeOperand(parent, node);
      case SyntaxKind.ArrayLiteralExpression:
      case SyntaxKind.ParenthesizedExpression:
      case SyntaxKind.NonNullExpression:
      case SyntaxKind.AsExpression:
      case SyntaxKind.SatisfiesExpression:
      case SyntaxKind.Parameter:
      case SyntaxKind.BindingElement:
        return this.#judgePart(parent);
      case SyntaxKind.VariableDeclaration:
        // Its parts have types of their own.
        return isVariableDeclaration(parent) && parent.type === undefined ? undefined : this.#judgePart(parent);
      case SyntaxKind.ReturnStatement:
      case SyntaxKind.ArrowFunction:
        return this.#judgeResult(functionsOf(node)[0]);
      default:
        return 'field';
    }
  }

  /** A function used as another type of function must treat the same parameters and results as borrowed. */
  judgeFunction(node: Expression, type: Type): How | undefined {
    const own = this.#types.shapes(type);
    if (own.length === 0 || !isPutSomewhere(node)) return undefined;
    const expected = this.#types.expected(node);
    return expected !== undefined && this.#isWider(own, this.#types.shapes(expected)) ? 'widened' : undefined;
  }

  /** The same of a method, where the object or the class declares its type. */
  judgeMethod(method: Node, type: Type): How | undefined {
    const { parent } = method;
    if (!('name' in method) || !isNamed(method.name)) return undefined;
    const name = method.name.text;
    const promised = isObjectLiteralExpression(parent)
      ? [this.#types.expected(parent)]
      : this.#types.heritageOf(parent);
    return promised.some((one) => this.#isWider(this.#types.shapes(type), this.#types.shapesOf(one, name)))
      ? 'widened'
      : undefined;
  }

  #isWider(own: readonly Shape[], promised: readonly Shape[]): boolean {
    return own.some(({ parameters, result }) => {
      if (this.#types.holds(result) && !promised.every((one) => this.#types.holds(one.result))) return true;
      return parameters.some(
        (one, index) => !this.#types.holds(one) && promised.some((other) => this.#types.holds(other.parameters[index])),
      );
    });
  }

  /** `arguments` has everything that a function was given, and no type that says so. */
  judgeArguments(node: Node): How | undefined {
    return functionsOf(node)
      .slice(0, 1)
      .some((one) => parametersOf(one).some((parameter) => this.#types.nodeHolds(parameter)))
      ? 'widened'
      : undefined;
  }

  /** A value goes into the expression around it: its type says that it holds borrowed bytes, or the value is lost from view. */
  #judgePart(around: Node): How | undefined {
    return this.#types.nodeHolds(around) ? undefined : 'widened';
  }

  #judgeOperand(around: Node, node: Expression): How | undefined {
    if (!isBinaryExpression(around)) return 'field';
    const operator = around.operatorToken.kind;
    if (CHOOSING.has(operator)) {
      const isDropped =
        around.left === node && (operator === SyntaxKind.CommaToken || operator === SyntaxKind.AmpersandAmpersandToken);
      return isDropped ? undefined : this.#judgePart(around);
    }
    if (!KEEPING_ASSIGNMENTS.has(operator) || around.left === node) return undefined;
    return this.#judgeAssignment(around.left);
  }

  #judgeAssignment(left: Node): How | undefined {
    if (isIdentifier(left)) return this.#isLocal(left) ? undefined : 'variable';
    // A list or an object that is typed as borrowed ends with the call itself.
    const isPlace = isPropertyAccessExpression(left) || isElementAccessExpression(left);
    return isPlace && this.#types.nodeHolds(left.expression) ? undefined : 'field';
  }

  #isLocal(name: Node): boolean {
    const symbol = this.#types.checker.getSymbolAtLocation(name);
    return this.#types.symbolHolds(symbol) && this.#atOnce.isInTime(name, symbol);
  }

  #judgeArgument(call: Node, argument: Node): How | undefined {
    if (!isCallExpression(call) && !isNewExpression(call)) return 'handed';
    if (call.expression === argument) return undefined;
    const { expression } = call;
    // A member or a derivative of a borrowed list is borrowed, too.
    if (isPropertyAccessExpression(expression) && this.#types.nodeHolds(expression.expression)) return undefined;
    if (this.#isCopied(call)) return undefined;
    if (this.#isPassedOn(call)) return this.#judgePart(call);
    const index = call.arguments?.indexOf(argument as Expression) ?? -1;
    const declared = this.#parametersOf(call);
    const parameter = declared?.[Math.min(index, declared.length - 1)];
    return parameter !== undefined && this.#types.nodeHolds(parameter) ? undefined : 'handed';
  }

  #isPassedOn(call: CallExpression | NewExpression): boolean {
    if (call.expression.getText() !== PASSED_ON.name) return false;
    return this.#types.checker.getResolvedSignature(call)?.declaration?.path.endsWith(PASSED_ON.file) ?? false;
  }

  /** The parameters of the function that is called, as it declares them; undefined for a function that is not ours. */
  #parametersOf(call: Expression): readonly Node[] | undefined {
    const declaration = this.#types.checker.getResolvedSignature(call)?.declaration;
    if (declaration === undefined || !this.#isOurs(declaration.path)) return undefined;
    const called = declaration.resolve();
    return called === undefined ? undefined : parametersOf(called);
  }

  /** The return type of a function is borrowed, and so is its call. */
  #judgeResult(owner: Node | undefined): How | undefined {
    const type = owner && this.#types.checker.getTypeAtLocation(owner);
    const shapes = type === undefined ? [] : this.#types.shapes(type);
    return shapes.length > 0 && shapes.every(({ result }) => this.#types.holds(result)) ? undefined : 'widened';
  }

  /** `copy.set(bytes)` and `Buffer.from(bytes)` copy. */
  #isCopied(call: Expression): boolean {
    if (!isCallExpression(call) || !isPropertyAccessExpression(call.expression)) return false;
    const { expression, name } = call.expression;
    if (expression.getText() === 'Buffer' && name.text === 'from') return true;
    const into = this.#types.checker.getTypeAtLocation(expression);
    if (name.text !== 'set' || into === undefined) return false;
    // An alias, or a type parameter, counts as the type behind it.
    const base = this.#types.checker.getBaseConstraintOfType(into) ?? into;
    return /^(?:Uint8Array|Buffer)$/.test(base.getSymbol()?.name ?? '');
  }
}

function parametersOf(one: Node): readonly Node[] {
  const found: Node[] = [];
  one.forEachChild((child) => {
    if (isParameterDeclaration(child)) found.push(child);
  });
  return found;
}

const isNamed = (name: unknown): name is { readonly text: string } =>
  typeof name === 'object' && name !== null && 'text' in name && typeof name.text === 'string';

/** True for an expression that is used as a value, and not called or looked into where it stands. */
function isPutSomewhere(node: Expression): boolean {
  const { parent } = node;
  if (isPropertyAccessExpression(parent) || isElementAccessExpression(parent)) return false;
  return !(isCallExpression(parent) && parent.expression === node) && parent.kind !== SyntaxKind.ExpressionStatement;
}
