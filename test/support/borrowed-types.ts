// Which types lie in memory of a socket, as the compiler knows them.
//
// 1. A type holds borrowed bytes if it is one of BORROWED, a union with one, or made of one: `BorrowedBytes[]`, `Map<number, BorrowedBytes>`,
//    `{ bytes: BorrowedBytes }`. A function holds none: its reads of an outer function are judged where they occur.
// 2. No other name stands for one: an interface, a class or a type alias that has something borrowed in it is refused where it is declared.

import { type Expression, isHeritageClause, type Node, SyntaxKind } from 'typescript/unstable/ast';
import {
  type Checker,
  NodeBuilderFlags,
  type Project,
  SignatureKind,
  type Symbol as SourceSymbol,
  type Type,
  TypeFlags,
} from 'typescript/unstable/sync';

/** The types that lie in memory of a socket. */
export const BORROWED = /\b(?:BorrowedBytes|BorrowedView|ReceivedDatagram|HeardFrame|ByteReader|NetlinkPart)\b/;
/** The name of one of them. */
export const ONE_BORROWED = new RegExp(`^${BORROWED.source}$`);
/** Types without parts and without calls, about which the compiler need not be asked. */
const PLAIN = TypeFlags.Primitive | TypeFlags.AnyOrUnknown | TypeFlags.Never;
/** How deep a type is looked into; a deeper one holds what its text names. */
const DEPTH_MAX = 6;

/** The parameters and the return type of a function. */
export interface Shape {
  readonly parameters: readonly (Type | undefined)[];
  readonly result: Type | undefined;
}

/** The compiler's types, each looked into once. */
export class BorrowedTypes {
  readonly checker: Checker;
  readonly #texts = new Map<number, string>();
  readonly #holding = new Map<number, boolean>();
  readonly #shapes = new Map<number, readonly Shape[]>();

  constructor({ checker }: Project) {
    this.checker = checker;
  }

  /** The type as the compiler writes it, in full. */
  text(type: Type): string {
    const text = this.#texts.get(type.id) ?? this.checker.typeToString(type, undefined, NodeBuilderFlags.NoTruncation);
    this.#texts.set(type.id, text);
    return text;
  }

  /** True for a value that is borrowed, or has something borrowed in it. */
  holds(type: Type | undefined, depth = 0): boolean {
    if (type === undefined || (type.flags & PLAIN) !== 0 || !BORROWED.test(this.text(type))) return false;
    if (depth > DEPTH_MAX) return true;
    const known = this.#holding.get(type.id);
    if (known !== undefined) return known;
    // A recursive type holds what its other parts hold.
    this.#holding.set(type.id, false);
    const holds = this.#looksBorrowed(type, depth + 1);
    this.#holding.set(type.id, holds);
    return holds;
  }

  nodeHolds(node: Node): boolean {
    if (node.kind === SyntaxKind.ThisKeyword)
      return ONE_BORROWED.test(this.checker.getTypeAtLocation(node)?.getSymbol()?.name ?? '');
    return this.holds(this.checker.getTypeAtLocation(node));
  }

  symbolHolds(symbol: SourceSymbol | undefined): boolean {
    return symbol !== undefined && this.holds(this.checker.getTypeOfSymbol(symbol));
  }

  /** The parameters and return type of each call signature; none: it is not a function. */
  shapes(type: Type): readonly Shape[] {
    if ((type.flags & PLAIN) !== 0) return [];
    const known = this.#shapes.get(type.id);
    if (known !== undefined) return known;
    const shapes = this.checker.getSignaturesOfType(type, SignatureKind.Call).map((signature) => ({
      parameters: signature.getParameters().map((one) => this.checker.getTypeOfSymbol(one)),
      result: this.checker.getReturnTypeOfSignature(signature),
    }));
    this.#shapes.set(type.id, shapes);
    return shapes;
  }

  /** The type that the context of an expression expects, where the context must have one. */
  expected(node: Expression): Type | undefined {
    const type = this.checker.getContextualType(node);
    return type === undefined ? undefined : this.checker.getNonNullableType(type);
  }

  /** The same of a member of a type. */
  shapesOf(type: Type | undefined, name: string): readonly Shape[] {
    const member = type === undefined ? undefined : this.checker.getPropertyOfType(type, name);
    const promised = member === undefined ? undefined : this.checker.getTypeOfSymbol(member);
    return promised === undefined ? [] : this.shapes(this.checker.getNonNullableType(promised) ?? promised);
  }

  /** The types that a class extends or implements. */
  heritageOf(one: Node): readonly (Type | undefined)[] {
    const found: (Type | undefined)[] = [];
    one.forEachChild((child) => {
      if (isHeritageClause(child)) for (const named of child.types) found.push(this.checker.getTypeAtLocation(named));
    });
    return found;
  }

  #looksBorrowed(type: Type, depth: number): boolean {
    const { checker } = this;
    if (type.isUnionType() || type.isIntersectionType()) return type.getTypes().some((one) => this.holds(one, depth));
    if ((type.flags & TypeFlags.Object) === 0 || this.shapes(type).length > 0) return false;
    if (checker.getSignaturesOfType(type, SignatureKind.Construct).length > 0) return false;
    if (ONE_BORROWED.test(type.getSymbol()?.name ?? '')) return true;
    if (type.isTypeReference() && checker.getTypeArguments(type).some((one) => this.holds(one, depth))) return true;
    if (type.isClassOrInterface()) return false;
    const parts = checker.getPropertiesOfType(type).map((one) => checker.getTypeOfSymbol(one));
    const entries = checker.getIndexInfosOfType(type).map(({ valueType }) => valueType);
    return [...parts, ...entries].some((one) => this.holds(one, depth));
  }
}
