// The documents as tests read them: blocks, commands with their output, links, headings, and hidden comments.
//
// A block of `console` shows commands after `$ ` and below each its output; a line `…` stands for omitted lines. A line
// that ends in `\` continues in the next. A block of `sh` has commands alone, one of `bash` is a script for one shell, `yaml` is configuration,
// `text` is for anything else. A comment
// `<!-- lab: … -->` tells the laboratory of `shown-rack.ts` what happens between commands; after `<!-- lab: card -->` the second column of a table
// has commands, as a block of `sh` would.

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..', '..');

/** One fenced block. */
export interface Block {
  readonly kind: 'block';
  /** The word behind its opening fence. */
  readonly language: string;
  /** So many lines of each output are shown at most: a number behind the language. */
  readonly outputLines: number;
  /** Of the opening fence, from 1. */
  readonly line: number;
  readonly lines: readonly string[];
}

/** An instruction for the laboratory. */
export interface Direction {
  readonly kind: 'direction';
  readonly line: number;
  readonly words: string;
}

/** A shown command, and its shown output. */
export interface ShownCommand {
  /** In one line, without a comment at its end. */
  readonly command: string;
  readonly line: number;
  /** In its block, from 0: where its first line of output is, and behind the last. */
  readonly from: number;
  readonly to: number;
  readonly output: readonly string[];
}

const FENCE = /^\s*```(\S*) ?(\d*)/;
/** As many lines of an output are shown, unless its block says otherwise. */
const OUTPUT_LINES = 12;
const DIRECTION = /^<!-- lab: (.*) -->$/;

/** Paths of the documents that people read, below ROOT. */
export function documentPaths(): string[] {
  return ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', ...globSync('docs/**/*.md', { cwd: ROOT }).sort()];
}

export const readDocument = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** The commands in the second column of the table that follows a line. */
function cardAfter(index: number, text: string): Block {
  const rows = text.split('\n').slice(index + 1);
  const end = rows.findIndex((row) => !row.startsWith('|'));
  // An empty line stands for a row without a command, so that the lines of the others count.
  const lines = rows
    .slice(0, end === -1 ? undefined : end)
    .map((row) => /^\|[^|]*\| `([^`]+)` \|/.exec(row)?.[1] ?? '');
  return { kind: 'block', language: 'sh', outputLines: 0, line: index + 1, lines };
}

/** Blocks and directions in their order. */
export function partsOf(text: string): (Block | Direction)[] {
  const parts: (Block | Direction)[] = [];
  let open: { language: string; outputLines: number; line: number; lines: string[] } | undefined;
  text.split('\n').forEach((line, index) => {
    const fence = FENCE.exec(line);
    if (open !== undefined && fence !== null) {
      parts.push({ kind: 'block', ...open });
      open = undefined;
    } else if (open !== undefined) open.lines.push(line);
    else if (fence !== null) {
      const outputLines = fence[2] === undefined || fence[2] === '' ? OUTPUT_LINES : Number(fence[2]);
      open = { language: fence[1] ?? '', outputLines, line: index + 1, lines: [] };
    } else {
      const words = DIRECTION.exec(line)?.[1];
      if (words === 'card') parts.push(cardAfter(index, text));
      else if (words !== undefined) parts.push({ kind: 'direction', line: index + 1, words });
    }
  });
  return parts;
}

/** The text without blocks: an empty line stands for each of their lines. */
export function proseOf(text: string): string[] {
  let inside = false;
  return text.split('\n').map((line) => {
    const isFence = FENCE.test(line);
    if (isFence) inside = !inside;
    return inside || isFence ? '' : line;
  });
}

/** The commands of a block of `console` or `sh`. */
export function commandsOf(block: Block): ShownCommand[] {
  const shown: ShownCommand[] = [];
  const isConsole = block.language === 'console';
  for (let at = 0; at < block.lines.length; ) {
    const first = block.lines[at] ?? '';
    const begin = isConsole ? /^\$ (.*)$/.exec(first)?.[1] : first;
    if (begin === undefined) throw new Error(`a block of console begins with a command: line ${block.line + at + 1}`);
    let command = begin;
    const line = block.line + at + 1;
    at += 1;
    while (command.endsWith('\\') && at < block.lines.length) {
      command = `${command.slice(0, -1).trimEnd()} ${(block.lines[at] ?? '').trim()}`;
      at += 1;
    }
    const from = at;
    while (isConsole && at < block.lines.length && !(block.lines[at] ?? '').startsWith('$ ')) at += 1;
    command = command.replace(/\s+# .*$/, '').trim();
    if (command !== '' && !command.startsWith('#'))
      shown.push({ command, line, from, to: at, output: block.lines.slice(from, at) });
  }
  return shown;
}

/** Every piece of code within the prose, with its line. */
export function inlineCodeOf(text: string): { readonly code: string; readonly line: number }[] {
  const prose = proseOf(text).join('\n');
  return [...prose.matchAll(/(?<!`)`([^`]+)`(?!`)/g)].map((match) => ({
    code: (match[1] ?? '').replace(/\s+/g, ' '),
    line: prose.slice(0, match.index).split('\n').length,
  }));
}

/** The anchors of a document's headings, as GitHub makes them. */
export function anchorsOf(text: string): Set<string> {
  const seen = new Map<string, number>();
  const anchors = new Set<string>();
  for (const line of proseOf(text)) {
    const heading = /^#{1,6} +(.*?)\s*$/.exec(line)?.[1];
    if (heading === undefined) continue;
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const slug = plain.replace(/[^\p{L}\p{N}\p{M}_\- ]/gu, '').replaceAll(' ', '-');
    const before = seen.get(slug) ?? 0;
    seen.set(slug, before + 1);
    anchors.add(before === 0 ? slug : `${slug}-${before}`);
  }
  return anchors;
}

/** Where the links and pictures of a document lead, with their lines. */
export function linksOf(text: string): { readonly target: string; readonly line: number }[] {
  const links: { target: string; line: number }[] = [];
  proseOf(text).forEach((line, index) => {
    const plain = line.replace(/`[^`]*`/g, '');
    for (const match of plain.matchAll(/\]\(([^)\s]+)(?: "[^"]*")?\)|(?:src|href)="([^"]+)"|^\[[^\]]+\]:\s+(\S+)/g))
      links.push({ target: match[1] ?? match[2] ?? match[3] ?? '', line: index + 1 });
  });
  return links;
}
