// Prints the help of each command, found by following the lists of commands from the first one: one process for all, because each of 150
// would take longer to start than to answer.

import { runCommandLine } from '../../src/cli/command-line.ts';

const print = process.stdout.write.bind(process.stdout);
let text = '';

/** The help of a command. @throws Error if it has none */
async function helpOf(words: readonly string[]): Promise<string> {
  text = '';
  const code = await runCommandLine([...words, '--help']);
  if (code !== 0) throw new Error(`${words.join(' ')} --help ended with ${code}`);
  return text;
}

async function visit(words: readonly string[], help: string): Promise<void> {
  print(`$ rackboot ${words.join(' ')} --help\n${help}\n`);
  const prefix = `  rackboot ${words.join(' ')} `;
  const below = words.length === 0 ? [] : help.split('\n').filter((line) => line.startsWith(prefix));
  for (const line of below) {
    const [word = ''] = line.slice(prefix.length).split(' ');
    if (/^[a-z][a-z-]*$/.test(word)) await visit([...words, word], await helpOf([...words, word]));
  }
}

process.stdout.write = (part: string | Uint8Array): boolean => {
  text += String(part);
  return true;
};
// The parser ends a process that has printed a help.
Object.assign(process, { exit: () => undefined });
const top = await helpOf([]);
await visit([], top);
for (const [, word = ''] of top.matchAll(/^ {2}([a-z][a-z-]*) {2,}\S/gm)) await visit([word], await helpOf([word]));
