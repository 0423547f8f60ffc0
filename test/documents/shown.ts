// Runs the commands that the documents show, in the laboratory, and compares their output with the shown output.
//
// `node bin/with-node.js test/documents/shown.ts` lists the differences; with `--write` it updates the documents; with names of pages only
// those.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isNotRun } from './commands.ts';
import {
  type Block,
  commandsOf,
  type Direction,
  documentPaths,
  partsOf,
  ROOT,
  readDocument,
  type ShownCommand,
} from './markdown.ts';
import { ShownRack } from './shown-rack.ts';

/** The end of a command. */
export interface RunCommand extends ShownCommand {
  readonly code: number | null;
  readonly printed: readonly string[];
  /** The output with at most as many lines as its block shows. */
  readonly shortened: readonly string[];
  /** Of its block's opening fence. */
  readonly blockLine: number;
}

/** The pages with commands that are run. */
export function shownPages(): string[] {
  const isRun = (part: Block | Direction): boolean =>
    part.kind === 'block' &&
    (part.language === 'bash' ||
      (/^(console|sh)$/.test(part.language) && commandsOf(part).some(({ command }) => !isNotRun(command))));
  return documentPaths().filter((path) => partsOf(readDocument(path)).some(isRun));
}

/** The page of the first machine: its commands run whenever the tests run. */
export const FIRST_PAGES: readonly string[] = ['docs/first-machine.md'];

/** Pages that leave the rack as the pages behind them may find it: their commands read, or undo what they did. */
const LEAVES_RACK: ReadonlySet<string> = new Set([
  'docs/accounts.md',
  'docs/api.md',
  'docs/configuration.md',
  'docs/dns.md',
  'docs/hostile-hosts.md',
  'docs/image-sources.md',
  'docs/images.md',
  'docs/installers.md',
  'docs/leases.md',
  'docs/operator.md',
  'docs/power.md',
  'docs/preseeds.md',
  'docs/racks.md',
  'docs/troubleshooting.md',
]);

/** All lines of a block in one shell, which ends with the first that fails, so that later lines have the variables of earlier ones. */
const wholeOf = ({ line, lines }: Block): ShownCommand => ({
  command: `set -e -o pipefail\n${lines.join('\n')}`,
  line: line + 1,
  from: 0,
  to: 0,
  output: [],
});

/** Runs a page from its beginning to its end. */
export async function runPage(rack: ShownRack, path: string): Promise<RunCommand[]> {
  const run: RunCommand[] = [];
  rack.enterPage();
  let isPrepared = false;
  for (const part of partsOf(readDocument(path))) {
    if (part.kind === 'direction') {
      await rack.direct(part.words).catch((error: unknown) => {
        throw new Error(`${path}:${part.line}: ${part.words}`, { cause: error });
      });
      isPrepared = true;
      continue;
    }
    if (!/^(bash|console|sh)$/.test(part.language)) continue;
    for (const shown of part.language === 'bash' ? [wholeOf(part)] : commandsOf(part)) {
      if (isNotRun(shown.command)) continue;
      if (!isPrepared) await rack.direct('prepared');
      isPrepared = true;
      const { code, lines } = await rack.run(shown.command);
      const printed = lines.map((line) => line.trimEnd()).filter((line, at) => line !== '' || at < lines.length - 1);
      const shortened = printed.length <= part.outputLines ? printed : [...printed.slice(0, part.outputLines), '…'];
      run.push({ ...shown, code, printed, shortened, blockLine: part.line });
    }
  }
  if (LEAVES_RACK.has(path)) rack.keepForNextPage();
  return run;
}

/**
 * A line without the parts that differ each time: numbers, times, random names, and the address of a machine, which is shown until its
 * lease ends. Words and keys stay.
 */
function skeleton(line: string): string {
  return line
    .replace(/^[a-z\d]{6}(?= {2})|\([a-z\d]{6}\)|(?<=^System id +)\S+/g, '#')
    .replace(/[a-z]+-[a-z]+\.maas/g, '#')
    .replace(
      /\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b|\b(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sept?|Oct|Nov|Dec)\b\.?/g,
      '#',
    )
    .replace(/\S*\d\S*/g, '#')
    .replace(/# (?:ms|s|min|h|d|days?|B|kB|MB|GB|[KMG]iB)\b/g, '#')
    .replace(/[─-]{3,}/g, '-')
    .replace(/\s+/g, ' ')
    .replace(/(?:# )+#/g, '#')
    .trim()
    .replace(/^IP addresses #$/, 'IP addresses');
}

/** Commands about past events, which depend on speed: half of the shown lines must be printed. */
const OF_THE_PAST = /rackboot (?:trace|events|neighbours|leases|replay|scripts results|power status)\b/;

/** Shown lines that the command does not print, and printed lines omitted without a `…` in their place. */
export function untrue(command: RunCommand): string[] {
  const printed = new Set(command.printed.map(skeleton));
  const shown = command.output.filter((line) => line !== '…' && line !== '');
  const wrong = shown.filter((line) => !printed.has(skeleton(line)));
  if (OF_THE_PAST.test(command.command)) return wrong.length <= shown.length / 2 ? [] : wrong;
  return [...wrong, ...leftOut(command).map((line) => `(left out without a …) ${line}`)];
}

/** Of a command whose output is shown at all. */
function leftOut({ output, printed }: RunCommand): string[] {
  if (output.length === 0) return [];
  const shown = new Map(output.map((line, at) => [skeleton(line), at]));
  const lines: string[] = [];
  let last = -1;
  for (const line of printed) {
    const at = shown.get(skeleton(line));
    if (line === '') continue;
    if (at !== undefined) last = Math.max(last, at);
    else if (output.slice(Math.max(0, last), last + 2).every((one) => one !== '…')) lines.push(line);
  }
  return lines;
}

/** A refusal is shown as one: its first line begins with the program's name. */
export function endedWell({ code, output }: RunCommand): boolean {
  return (code !== 0) === (output[0]?.startsWith('rackboot: ') ?? false);
}

function rewrite(path: string, commands: readonly RunCommand[]): void {
  const lines = readDocument(path).split('\n');
  for (const { blockLine, from, to, shortened } of [...commands].reverse()) {
    const isConsole = (lines[blockLine - 1] ?? '').includes('console');
    if (isConsole) lines.splice(blockLine + from, to - from, ...shortened);
  }
  writeFileSync(join(ROOT, path), lines.join('\n'));
}

if (process.argv[1] === import.meta.filename) {
  const words = process.argv.slice(2);
  const wanted = words.filter((word) => !word.startsWith('--'));
  const rack = await ShownRack.open();
  try {
    for (const path of shownPages().filter(
      (page) => wanted.length === 0 || wanted.some((word) => page.endsWith(word)),
    )) {
      const commands = await runPage(rack, path);
      for (const command of commands) {
        const wrong = untrue(command);
        if (endedWell(command) && wrong.length === 0) continue;
        console.log(`${path}:${command.line}: ${command.command}: exit status ${command.code}`);
        for (const line of wrong) console.log(`  shown:   ${line}`);
        if (!endedWell(command)) for (const line of command.printed) console.log(`  printed: ${line}`);
      }
      if (words.includes('--write')) rewrite(path, commands);
    }
  } finally {
    await rack.close();
  }
}
