// Sentences that are composed of words and values: templates with both, sums of texts, and texts joined by one.
//
// 1. Not found: texts of errors (`new …Error(…)`, what is thrown, and constants that such an expression names), which say where something
//    fails what failed and what to do; markup; documents of the API (`describe(…)`); statements of SQL; commands.

import {
  type BinaryExpression,
  isBinaryExpression,
  isCallExpression,
  isIdentifier,
  isNewExpression,
  isNoSubstitutionTemplateLiteral,
  isPropertyAccessExpression,
  isStringLiteral,
  isTaggedTemplateExpression,
  isTemplateExpression,
  isThrowStatement,
  isVariableDeclaration,
  type Node,
  type SourceFile,
  type TemplateExpression,
} from 'typescript/unstable/ast';
import { PRODUCT, withProject } from './typed-source.ts';

/** Two words of English in a row. */
const WORDS = /[a-z]{2,},? [a-z]{2,}/;
const WORD = /[a-z]{2,}/g;
/** The marks of values in a text that is searched. */
const VALUE = '\u{1}';
/** A word next to a value. */
const NEXT_TO_VALUE = /[a-z]{2,},? \u{1}|\u{1},? [a-z]{2,}/u;
/** A command for a shell or a loader. */
const COMMAND = /^ ?(?:sudo|rackboot|node|ssh|cloud-init|kernel|initrd|chain|iseq|set|if|sleep) /;
const SQL = /\b(?:SELECT|INSERT|UPDATE|DELETE|CREATE|ORDER BY|WHERE|LIMIT|BEGIN|VALUES)\b/;

/** A composed sentence. */
export interface ComposedSentence {
  /** Below src. */
  readonly path: string;
  readonly line: number;
  readonly text: string;
}

/** @param isWords true for the path of a file that may compose sentences */
export const findComposedSentences = (
  isWords: (path: string) => boolean,
  { project, folder }: { readonly project: string; readonly folder: string } = PRODUCT,
): readonly ComposedSentence[] =>
  withProject(project, folder, (_opened, files) =>
    files.flatMap((file) => {
      const path = file.fileName.slice(folder.length + 1);
      return isWords(path) ? [] : sentencesOf(file).map((found) => ({ path, ...found }));
    }),
  );

function sentencesOf(file: SourceFile): readonly Omit<ComposedSentence, 'path'>[] {
  const found: Omit<ComposedSentence, 'path'>[] = [];
  const ofErrors = namesInErrors(file);
  const visit = (node: Node): void => {
    if (isError(node, file) || isOther(node, file)) return;
    if (isVariableDeclaration(node) && ofErrors.has(node.name.getText(file))) return;
    const text = composedText(node, file);
    if (text !== undefined && isSentence(text)) {
      const { line } = file.getLineAndCharacterOfPosition(node.getStart(file));
      found.push({ line: line + 1, text: node.getText(file).replace(/\s+/g, ' ') });
      return;
    }
    node.forEachChild(visit);
  };
  visit(file);
  return found;
}

/** An error that is made or thrown. */
const isError = (node: Node, file: SourceFile): boolean =>
  isThrowStatement(node) ||
  (isNewExpression(node) && /(?:Error|Failure|Fault|Outage)$/.test(node.expression.getText(file)));

/** The names in the errors of a file, and in the values of these names. */
function namesInErrors(file: SourceFile): ReadonlySet<string> {
  const names = new Set<string>();
  const collect = (node: Node): void => {
    if (isIdentifier(node)) names.add(node.getText(file));
    node.forEachChild(collect);
  };
  const visit = (node: Node): void => {
    if (isError(node, file)) collect(node);
    else node.forEachChild(visit);
  };
  visit(file);
  const spread = (node: Node): void => {
    if (isVariableDeclaration(node) && names.has(node.name.getText(file)) && node.initializer !== undefined)
      collect(node.initializer);
    else node.forEachChild(spread);
  };
  for (let size = 0; size !== names.size; ) {
    size = names.size;
    spread(file);
  }
  return names;
}

/** Markup, and documents of the API. */
function isOther(node: Node, file: SourceFile): boolean {
  if (isTaggedTemplateExpression(node)) return true;
  return (
    isCallExpression(node) &&
    isPropertyAccessExpression(node.expression) &&
    isIdentifier(node.expression.name) &&
    node.expression.name.getText(file) === 'describe'
  );
}

/** The text of a template or a sum, with a mark for each value; `undefined` for any other node, and for one without a value. */
function composedText(node: Node, file: SourceFile): string | undefined {
  if (!isTemplateExpression(node) && !isSum(node, file)) return undefined;
  const text = textOf(node, file);
  return text.includes(VALUE) ? text : undefined;
}

const isSum = (node: Node, file: SourceFile): node is BinaryExpression =>
  isBinaryExpression(node) && node.operatorToken.getText(file) === '+';

function textOf(node: Node, file: SourceFile): string {
  if (isTemplateExpression(node)) return templateText(node);
  if (isStringLiteral(node) || isNoSubstitutionTemplateLiteral(node)) return node.text;
  return isSum(node, file) ? [node.left, node.right].map((side) => textOf(side, file)).join('') : VALUE;
}

const templateText = ({ head, templateSpans }: TemplateExpression): string =>
  [head.text, ...[...templateSpans].map(({ literal }) => literal.text)].join(VALUE);

const isSentence = (text: string): boolean =>
  !SQL.test(text) && !COMMAND.test(text) && (WORDS.test(text) || (NEXT_TO_VALUE.test(text) && countWords(text) > 1));

const countWords = (text: string): number => text.match(WORD)?.length ?? 0;
