// Ready sentences among the parameters of events, notes and refusals: texts with words, where codes and data belong.
//
// 1. Followed are names of constants and functions, of the same file or imported by it, and methods of `this`, up to FOLLOWED_MAX in a
//    row. Not followed: parameters, so a text that is handed over; fields of other objects; what a port or a callback returns.
// 2. The messages of errors are not looked at, nor are functions that only shape a text they are given.

import { dirname, join } from 'node:path';
import {
  isBlock,
  isCallExpression,
  isConditionalExpression,
  isFunctionDeclaration,
  isIdentifier,
  isMethodDeclaration,
  isNewExpression,
  isNoSubstitutionTemplateLiteral,
  isObjectLiteralExpression,
  isParenthesizedExpression,
  isPropertyAccessExpression,
  isPropertyAssignment,
  isReturnStatement,
  isShorthandPropertyAssignment,
  isSpreadAssignment,
  isStringLiteral,
  isTemplateExpression,
  isVariableDeclaration,
  type Node,
  type ObjectLiteralExpression,
  type SourceFile,
} from 'typescript/unstable/ast';
import { PRODUCT, withProject } from './typed-source.ts';

/** The marks of an event or a note: the name of a field, and its value. */
const MARKS: readonly (readonly [field: string, value: RegExp])[] = [
  ['kind', /^['`][a-z]+\.[a-z$]/],
  ['note', /^'[a-z]+(?:-[a-z]+)*'$/],
];
/** A part of a sentence: two words, or one next to a value. */
const WORDS = /[a-z]{2,} [a-z]{2,}|\} [a-z]{2,}|[a-z]{2,} \$\{/;
/** Functions that take a code and its parameters. */
const REFUSING: ReadonlySet<string> = new Set(['refusal', 'refuse', 'refuseField', 'mistake']);
/** Names that are followed from a field to its sentence. */
const FOLLOWED_MAX = 2;
/** Fields that other programs read, which may have spaces. */
const DATA: ReadonlySet<string> = new Set(['command', "'WWW-Authenticate'"]);

/** Each with its place. @param isWords true for the path of a file that may write sentences */
export const findReadySentences = (
  isWords: (path: string) => boolean,
  { project, folder }: { readonly project: string; readonly folder: string } = PRODUCT,
): readonly string[] =>
  withProject(project, folder, (_opened, files) => {
    const names = allNames(files);
    return files.flatMap((file) => {
      const path = file.fileName.slice(folder.length + 1);
      if (isWords(path)) return [];
      return objectsOf(file).flatMap((object) => {
        const { line } = file.getLineAndCharacterOfPosition(object.getStart(file));
        return sentencesIn(object, file, names).map((found) => `${path}:${line + 1}: ${found}`);
      });
    });
  });

/** A value, and the file in which it is written. */
interface Written {
  readonly node: Node;
  readonly file: SourceFile;
}
/** The values that each name of a file stands for. */
type Names = ReadonlyMap<string, readonly Written[]>;

/** Constants stand for their values, functions and methods for what they return. */
function namesOf(file: SourceFile): Map<string, readonly Written[]> {
  const names = new Map<string, readonly Written[]>();
  const add = (name: Node, values: readonly Node[]): void => {
    const text = name.getText(file);
    names.set(text, [...(names.get(text) ?? []), ...values.map((node) => ({ node, file }))]);
  };
  const visit = (node: Node): void => {
    if (isVariableDeclaration(node) && node.initializer !== undefined) add(node.name, [node.initializer]);
    if ((isFunctionDeclaration(node) || isMethodDeclaration(node)) && node.name !== undefined)
      add(node.name, returnsOf(node));
    node.forEachChild(visit);
  };
  visit(file);
  return names;
}

const IMPORT = /^import \{([^}]*)\} from '(\.[^']*)';$/gm;

/** The names of each file, with those that it imports. */
function allNames(files: readonly SourceFile[]): ReadonlyMap<string, Names> {
  const own = new Map(files.map((file) => [file.fileName, namesOf(file)]));
  const all = new Map<string, Names>();
  for (const file of files) {
    const names = new Map(own.get(file.fileName));
    for (const [, list = '', target = ''] of file.text.matchAll(IMPORT)) {
      const there = own.get(join(dirname(file.fileName), target));
      for (const [, name = '', as = name] of list.matchAll(/(\w+)(?: as (\w+))?(?=\s*(?:,|$))/g))
        names.set(as, [...(names.get(as) ?? []), ...(there?.get(name) ?? [])]);
    }
    all.set(file.fileName, names);
  }
  return all;
}

function returnsOf(body: Node): Node[] {
  const found: Node[] = [];
  const visit = (node: Node): void => {
    if (isReturnStatement(node) && node.expression !== undefined) found.push(node.expression);
    else node.forEachChild(visit);
  };
  visit(body);
  return found;
}

/** The objects of a file that are events or notes, or the parameters of a code. */
function objectsOf(file: SourceFile): readonly ObjectLiteralExpression[] {
  const found: ObjectLiteralExpression[] = [];
  const visit = (node: Node): void => {
    if (isObjectLiteralExpression(node) && node.properties.some((one) => isMark(one, file))) found.push(node);
    if (isObjectLiteralExpression(node)) found.push(...paramsOf(node, file));
    if (isCallExpression(node) && REFUSING.has(node.expression.getText(file)))
      found.push(...node.arguments.filter(isObjectLiteralExpression));
    node.forEachChild(visit);
  };
  visit(file);
  return found;
}

/** The parameters of an event of the region: the object `params` next to a `code`. */
function paramsOf({ properties }: ObjectLiteralExpression, file: SourceFile): readonly ObjectLiteralExpression[] {
  const fields = properties.filter(isPropertyAssignment);
  if (!fields.some(({ name }) => name.getText(file) === 'code')) return [];
  return fields.flatMap(({ name, initializer }) =>
    name.getText(file) === 'params' && isObjectLiteralExpression(initializer) ? [initializer] : [],
  );
}

const isMark = (property: Node, file: SourceFile): boolean =>
  isPropertyAssignment(property) &&
  MARKS.some(([name, value]) => property.name.getText(file) === name && value.test(property.initializer.getText(file)));

/** The fields of an object that have a sentence. */
function sentencesIn(
  object: ObjectLiteralExpression,
  file: SourceFile,
  names: ReadonlyMap<string, Names>,
): readonly string[] {
  return object.properties.flatMap((property): readonly string[] => {
    if (isSpreadAssignment(property))
      return objectsFor({ node: property.expression, file }, names).flatMap((part) =>
        sentencesIn(part.object, part.file, names),
      );
    if (!(isPropertyAssignment(property) || isShorthandPropertyAssignment(property))) return [];
    const name = property.name.getText(file);
    const value = isPropertyAssignment(property) ? property.initializer : property.name;
    return hasWords({ node: value, file }, names) && !DATA.has(name) ? [`${name}: ${value.getText(file)}`] : [];
  });
}

/** The objects that an expression may stand for. */
function objectsFor(
  { node, file }: Written,
  names: ReadonlyMap<string, Names>,
  follows = FOLLOWED_MAX,
): readonly { readonly object: ObjectLiteralExpression; readonly file: SourceFile }[] {
  if (isObjectLiteralExpression(node)) return [{ object: node, file }];
  if (isParenthesizedExpression(node)) return objectsFor({ node: node.expression, file }, names, follows);
  if (isConditionalExpression(node))
    return [node.whenTrue, node.whenFalse].flatMap((one) => objectsFor({ node: one, file }, names, follows));
  const targets = follows === 0 ? [] : followed(node, file, names.get(file.fileName) ?? new Map());
  return targets.flatMap((target) => objectsFor(target, names, follows - 1));
}

/** The values for which a name, or the call of a name, stands. */
function followed(node: Node, file: SourceFile, names: Names): readonly Written[] {
  const called = isCallExpression(node) ? node.expression : node;
  if (isIdentifier(called)) return names.get(called.getText(file)) ?? [];
  const isOwn = isPropertyAccessExpression(called) && called.expression.getText(file) === 'this';
  return isOwn && isCallExpression(node) ? (names.get(called.name.getText(file)) ?? []) : [];
}

/** @param follows how many names may still be followed */
function hasWords({ node, file }: Written, names: ReadonlyMap<string, Names>, follows = FOLLOWED_MAX): boolean {
  if (isStringLiteral(node) || isNoSubstitutionTemplateLiteral(node) || isTemplateExpression(node))
    return WORDS.test(node.getText(file));
  // Errors say what they say, and an object within has marks of its own.
  if (isNewExpression(node) || isObjectLiteralExpression(node)) return false;
  const targets = follows === 0 ? [] : followed(node, file, names.get(file.fileName) ?? new Map());
  if (targets.some((target) => hasWords(target, names, follows - 1))) return true;
  if (isPropertyAccessExpression(node) && isIdentifier(node.expression)) return false;
  if (isBlock(node)) return returnsOf(node).some((value) => hasWords({ node: value, file }, names, follows));
  let found = false;
  node.forEachChild((child) => {
    // A name among the arguments of a call says what the function gets, not what it returns.
    found ||= hasWords({ node: child, file }, names, isCallExpression(node) ? 0 : follows);
  });
  return found;
}
