// Ready sentences among the parameters of events, notes and refusals: texts with words, where codes and data belong.

import {
  isBlock,
  isCallExpression,
  isFunctionDeclaration,
  isIdentifier,
  isNewExpression,
  isNoSubstitutionTemplateLiteral,
  isObjectLiteralExpression,
  isPropertyAccessExpression,
  isPropertyAssignment,
  isReturnStatement,
  isShorthandPropertyAssignment,
  isStringLiteral,
  isTemplateExpression,
  isVariableDeclaration,
  type Node,
  type ObjectLiteralExpression,
  type SourceFile,
} from 'typescript/unstable/ast';
import { PRODUCT, withProject } from './typed-source.ts';

/** What says that an object is an event or a note: the name of a field, and its value. */
const MARKS: readonly (readonly [field: string, value: RegExp])[] = [
  ['kind', /^['`][a-z]+\.[a-z$]/],
  ['note', /^'[a-z]+(?:-[a-z]+)*'$/],
];
/** A part of a sentence: two words, or one next to a value. */
const WORDS = /[a-z]{2,} [a-z]{2,}|\} [a-z]{2,}|[a-z]{2,} \$\{/;
/** Fields that other programs read, which may have spaces. */
const DATA: ReadonlySet<string> = new Set(['command']);

/** Each with its place. @param isWords true for the path of a file that may write sentences */
export const findReadySentences = (
  isWords: (path: string) => boolean,
  { project, folder }: { readonly project: string; readonly folder: string } = PRODUCT,
): readonly string[] =>
  withProject(project, folder, (_opened, files) =>
    files.flatMap((file) => {
      const path = file.fileName.slice(folder.length + 1);
      if (isWords(path)) return [];
      const made = madeIn(file);
      return objectsOf(file).flatMap((object) => {
        const { line } = file.getLineAndCharacterOfPosition(object.getStart(file));
        return sentencesIn(object, file, made).map((found) => `${path}:${line + 1}: ${found}`);
      });
    }),
  );

/** What each name of a file stands for: the value of a constant, or what a function returns. */
function madeIn(file: SourceFile): ReadonlyMap<string, readonly Node[]> {
  const made = new Map<string, Node[]>();
  const visit = (node: Node): void => {
    if (isVariableDeclaration(node) && node.initializer !== undefined)
      made.set(node.name.getText(file), [...(made.get(node.name.getText(file)) ?? []), node.initializer]);
    if (isFunctionDeclaration(node) && node.name !== undefined) made.set(node.name.getText(file), returnsOf(node));
    node.forEachChild(visit);
  };
  visit(file);
  return made;
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

/** The objects of a file that are events or notes. */
function objectsOf(file: SourceFile): readonly ObjectLiteralExpression[] {
  const found: ObjectLiteralExpression[] = [];
  const visit = (node: Node): void => {
    if (isObjectLiteralExpression(node) && node.properties.some((one) => isMark(one, file))) found.push(node);
    if (isObjectLiteralExpression(node)) found.push(...paramsOf(node, file));
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

/** The fields of an object that have a sentence, written there or by a name of the same file. */
function sentencesIn(
  object: ObjectLiteralExpression,
  file: SourceFile,
  made: ReadonlyMap<string, readonly Node[]>,
): readonly string[] {
  return object.properties.flatMap((property) => {
    if (!(isPropertyAssignment(property) || isShorthandPropertyAssignment(property))) return [];
    const name = property.name.getText(file);
    const values = isPropertyAssignment(property) ? [property.initializer] : (made.get(name) ?? []);
    const isReady = values.some((value) => hasWords(value, file, made, true));
    return isReady && !DATA.has(name) ? [`${name}: ${values.map((value) => value.getText(file)).join(' | ')}`] : [];
  });
}

function hasWords(
  node: Node,
  file: SourceFile,
  made: ReadonlyMap<string, readonly Node[]>,
  mayFollow: boolean,
): boolean {
  if (isStringLiteral(node) || isNoSubstitutionTemplateLiteral(node) || isTemplateExpression(node))
    return WORDS.test(node.getText(file));
  // Errors say what they say, and an object within has marks of its own.
  if (isNewExpression(node) || isObjectLiteralExpression(node)) return false;
  if (isPropertyAccessExpression(node) && isIdentifier(node.expression)) return false;
  const called = isCallExpression(node) ? node.expression : node;
  const followed = mayFollow && isIdentifier(called) ? (made.get(called.getText(file)) ?? []) : [];
  if (followed.some((value) => hasWords(value, file, made, false))) return true;
  if (isBlock(node)) return returnsOf(node).some((value) => hasWords(value, file, made, false));
  let found = false;
  node.forEachChild((child) => {
    found ||= hasWords(child, file, made, mayFollow);
  });
  return found;
}
