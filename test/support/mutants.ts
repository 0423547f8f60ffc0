// Mutants: the product with one small change each, which some test should notice. Each change is one of the syntax: a condition that always or
// never holds, another comparison, a result that is left out, a statement that is left out. Sentences for people are not changed, because tests
// do not assert them.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  isArrowFunction,
  isBinaryExpression,
  isCallExpression,
  isConditionalExpression,
  isExpressionStatement,
  isIfStatement,
  isLiteralLikeNode,
  isNewExpression,
  isPrefixUnaryExpression,
  isReturnStatement,
  isVariableDeclaration,
  isWhileStatement,
  type Node,
  type SourceFile,
  SyntaxKind,
} from 'typescript/unstable/ast';
import { API } from 'typescript/unstable/sync';
import { WITHOUT_WARNING } from '../../bin/daemon-flags.js';

const ROOT = join(import.meta.dirname, '..', '..');
const HOOK = join(import.meta.dirname, 'mutant-hook.ts');
/** A test of a mutant that takes so many times as long as before hangs. */
const PATIENCE = 5;
const TEST_MS_MIN = 20_000;

/** One change: the characters from `start` to `end` of a file become `text`. */
export interface Mutant {
  readonly file: string;
  readonly line: number;
  readonly start: number;
  readonly end: number;
  readonly text: string;
  /** What it changes, and into what. */
  readonly what: string;
}

/** A test file, and which places of which files it runs. */
interface Covered {
  readonly test: string;
  readonly ms: number;
  /** By file: the innermost range of a place counts. */
  readonly ranges: ReadonlyMap<string, readonly Range[]>;
}
interface Range {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}

const COMPARISONS = new Map<SyntaxKind, string>([
  [SyntaxKind.EqualsEqualsEqualsToken, '!=='],
  [SyntaxKind.ExclamationEqualsEqualsToken, '==='],
  [SyntaxKind.LessThanToken, '<='],
  [SyntaxKind.LessThanEqualsToken, '<'],
  [SyntaxKind.GreaterThanToken, '>='],
  [SyntaxKind.GreaterThanEqualsToken, '>'],
  [SyntaxKind.AmpersandAmpersandToken, '||'],
  [SyntaxKind.BarBarToken, '&&'],
  [SyntaxKind.PlusToken, '-'],
  [SyntaxKind.MinusToken, '+'],
]);

/** The files of sentences. */
const WORDS = /(?:^|[/-])(?:events|sentences|words)\.ts$/;
/** Those that are called with a sentence, besides values. */
const REFUSERS = /(?:refusal|Refusal|Error)$/;
/** Functions that write one. */
const WRITERS = /Text$/;

/** What a statement returns instead of a truth value, for which `undefined` may stand. */
const OTHER_RESULTS: ReadonlyMap<string, string> = new Map([
  ['true', 'false'],
  ['false', 'true'],
]);

/** All mutants of the files of src whose paths match. The compiler has ended when this returns. */
export function findMutants(pattern: RegExp): readonly Mutant[] {
  const api = new API({ cwd: ROOT });
  try {
    const [project] = api.updateSnapshot({ openProjects: [join(ROOT, 'tsconfig.json')] }).getProjects();
    if (project === undefined) throw new Error('there is no project');
    const names = project.program
      .getSourceFileNames()
      .filter((name) => pattern.test(relative(ROOT, name)) && !WORDS.test(name));
    return names.flatMap((name) => {
      const file = project.program.getSourceFile(name);
      return file === undefined ? [] : mutantsOf(file);
    });
  } finally {
    api.close();
  }
}

function mutantsOf(file: SourceFile): readonly Mutant[] {
  const found: Mutant[] = [];
  const change = (node: Node, text: string): void => {
    const [start, end] = [node.getStart(file), node.end];
    if (node.getText(file) === text) return;
    const line = file.getLineAndCharacterOfPosition(start).line + 1;
    const was = node.getText(file).replace(/\s+/g, ' ').slice(0, 60);
    found.push({ file: file.fileName, line, start, end, text, what: `${was} → ${text === '' ? 'nothing' : text}` });
  };
  const always = (condition: Node): void => {
    change(condition, 'true');
    change(condition, 'false');
  };
  const visit = (node: Node): void => {
    if (isIfStatement(node)) always(node.expression);
    else if (isConditionalExpression(node)) always(node.condition);
    else if (isWhileStatement(node)) change(node.expression, 'false');
    else if (isExpressionStatement(node)) change(node, ';');
    else if (isReturnStatement(node) && node.expression !== undefined)
      change(node.expression, OTHER_RESULTS.get(node.expression.getText(file)) ?? 'undefined');
    else if (isPrefixUnaryExpression(node) && node.operator === SyntaxKind.ExclamationToken)
      change(node, node.operand.getText(file));
    if (isBinaryExpression(node)) {
      const other = COMPARISONS.get(node.operatorToken.kind);
      if (other !== undefined) change(node.operatorToken, other);
    }
    node.forEachChild((child) => {
      if (!isWording(child, node, file)) visit(child);
    });
  };
  visit(file);
  return found;
}

function isWording(node: Node, parent: Node, file: SourceFile): boolean {
  const isArgument =
    (isCallExpression(parent) || isNewExpression(parent)) && REFUSERS.test(parent.expression.getText(file));
  const written = isVariableDeclaration(node) && WRITERS.test(node.name.getText(file)) ? node.initializer : undefined;
  const isWriter = written !== undefined && isArrowFunction(written) && written.type?.getText(file) === 'string';
  return (isArgument || isWriter) && holdsSentence(node);
}

const holdsSentence = (node: Node): boolean =>
  isLiteralLikeNode(node) ? / [a-z]/.test(node.text) : node.forEachChild(holdsSentence) === true;

/** Runs a test file in a process of its own. @returns whether it passed, in which time */
async function runTest(
  test: string,
  variables: Readonly<Record<string, string>>,
  msMax: number,
): Promise<{ readonly passed: boolean; readonly ms: number }> {
  const from = performance.now();
  const { NODE_COMPILE_CACHE: _, ...inherited } = process.env;
  const child = spawn(process.execPath, [WITHOUT_WARNING, '--import', HOOK, test], {
    cwd: ROOT,
    // A process of node:test that runs another one would take its report for its own.
    env: { ...inherited, NODE_TEST_CONTEXT: '', ...variables },
    stdio: 'ignore',
    detached: true,
  });
  // With what it started.
  const late = setTimeout(() => child.pid !== undefined && process.kill(-child.pid, 'SIGKILL'), msMax);
  const [code] = await once(child, 'close');
  clearTimeout(late);
  return { passed: code === 0, ms: performance.now() - from };
}

function isCovered({ file, start }: Mutant, { ranges }: Covered): boolean {
  const around = (ranges.get(file) ?? []).filter((range) => range.startOffset <= start && start < range.endOffset);
  const innermost = Math.min(...around.map((range) => range.endOffset - range.startOffset));
  // Several threads may have run it.
  return around.some((range) => range.endOffset - range.startOffset === innermost && range.count > 0);
}

/** Which tests run which places. Each test runs once for it, when it is first asked; one that fails then, or lasts too long, is not asked again. */
export class TestCoverage {
  readonly #pattern: RegExp;
  readonly #msMax: number;
  readonly #covered = new Map<string, Promise<Covered | undefined>>();

  /** @param pattern the files of the mutants */
  constructor(pattern: RegExp, msMax: number) {
    this.#pattern = pattern;
    this.#msMax = msMax;
  }

  /** The test that notices a mutant; undefined: it survives all that run its place. */
  async findKiller(mutant: Mutant, tests: readonly string[]): Promise<string | undefined> {
    const covered: Covered[] = [];
    for (const test of tests) {
      const pending = this.#covered.get(test) ?? this.#cover(test);
      this.#covered.set(test, pending);
      const known = await pending;
      if (known !== undefined) covered.push(known);
    }
    for (const each of covered.filter((one) => isCovered(mutant, one)).sort((a, b) => a.ms - b.ms)) {
      const msMax = TEST_MS_MIN + PATIENCE * each.ms;
      const { passed } = await runTest(each.test, { RACKBOOT_MUTANT: JSON.stringify(mutant) }, msMax);
      if (!passed) return each.test;
    }
    return undefined;
  }

  async #cover(test: string): Promise<Covered | undefined> {
    const folder = mkdtempSync(join(tmpdir(), 'rackboot-coverage-'));
    const { passed, ms } = await runTest(test, { NODE_V8_COVERAGE: folder }, this.#msMax);
    const ranges = new Map<string, Range[]>();
    for (const name of readdirSync(folder)) {
      const report = JSON.parse(readFileSync(join(folder, name), 'utf8')) as {
        readonly result: readonly { readonly url: string; readonly functions: readonly { ranges: Range[] }[] }[];
      };
      for (const { url, functions } of report.result) {
        const file = url.startsWith('file:') ? fileURLToPath(url) : '';
        if (!this.#pattern.test(relative(ROOT, file))) continue;
        ranges.set(file, [...(ranges.get(file) ?? []), ...functions.flatMap((each) => each.ranges)]);
      }
    }
    rmSync(folder, { recursive: true });
    return passed ? { test, ms, ranges } : undefined;
  }
}
