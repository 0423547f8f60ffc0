// Questions to a person on a terminal, also before something is lost for good. A command without a
// terminal does not ask.
//
// 1. At every question and between two, Ctrl-C and Ctrl-D end the command with one line.
// 2. A question may quote text from outside, so it is cleaned like all output.

import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { cleanLines } from '../../ground/clean-text.ts';
import { osErrorCode, RackError } from '../../ground/errors.ts';
import { printAside } from './output.ts';

/** Asks for `y` or `yes`. @throws RackError `cancelled` on any other answer */
export async function confirm(question: string, ask: (question: string) => Promise<string>): Promise<void> {
  const answer = (await ask(`${question} [y/N] `)).trim();
  if (!/^y(?:es)?$/i.test(answer)) throw new RackError('cancelled', 'nothing was changed');
}

/**
 * Like `confirm`, on the terminal. Does not ask without a terminal, or if `isConfirmed`. @throws
 * RackError `cancelled`
 */
export async function confirmOnTerminal(question: string, isConfirmed: boolean): Promise<void> {
  if (isConfirmed || process.stdin.isTTY !== true) return;
  const prompt = openPrompt();
  try {
    await confirm(question, (text) => prompt.ask(text));
  } finally {
    prompt.close();
  }
}

/** Asks on the terminal. Enter means yes, `n` or any other answer no. @throws RackError `cancelled` */
export async function agrees(question: string): Promise<boolean> {
  const prompt = openPrompt();
  try {
    return /^(?:y(?:es)?)?$/i.test((await prompt.ask(`${question} [Y/n] `)).trim());
  } finally {
    prompt.close();
  }
}

/** A terminal that asks questions; `close` releases it. */
interface Prompt {
  /**
   * Reads the line that the person types. @param begun text that the line starts with @throws
   * RackError `cancelled`
   */
  ask(question: string, begun?: string): Promise<string>;
  close(): void;
}

/** Opens the terminal on standard input; `silent` hides the typed text. */
export function openPrompt(options: { readonly silent?: boolean } = {}): Prompt {
  const silent = options.silent === true;
  const output = silent ? new Writable({ write: (_chunk, _encoding, done) => done() }) : process.stdout;
  const reader = createInterface({ input: process.stdin, output, terminal: true });
  let [isAsking, isDone] = [false, false];
  // Between two questions, such as during a search, nothing else would end the command.
  reader.once('close', () => {
    if (isAsking || isDone) return;
    printAside('\nrackboot: stopped by you; nothing was changed\n');
    process.kill(process.pid, 'SIGINT');
  });
  return {
    ask: async (question, begun) => {
      if (silent) printAside(question);
      isAsking = true;
      try {
        const answer = reader.question(silent ? '' : cleanLines(question));
        if (begun !== undefined) reader.write(begun);
        return await answer;
      } catch (error) {
        if (osErrorCode(error) !== 'ABORT_ERR') throw error;
        printAside('\n');
        throw new RackError('cancelled', 'stopped by you; nothing was changed', { cause: error });
      } finally {
        isAsking = false;
        if (silent) printAside('\n');
      }
    },
    close: () => {
      isDone = true;
      reader.close();
    },
  };
}
