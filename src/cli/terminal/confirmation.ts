// Asks a person at a terminal before something is lost for good. A command without a terminal does not ask.

import { RackError } from '../../errors.ts';
import { openPrompt } from './prompt.ts';

/** Asks for `y` or `yes`. @throws RackError `cancelled` on any other answer */
export async function confirm(question: string, ask: (question: string) => Promise<string>): Promise<void> {
  const answer = (await ask(`${question} [y/N] `)).trim();
  if (!/^y(?:es)?$/i.test(answer)) throw new RackError('cancelled', 'nothing was changed');
}

/** Like `confirm`, on the terminal. Does not ask without a terminal, or if `isConfirmed`. @throws RackError `cancelled` */
export async function confirmOnTerminal(question: string, isConfirmed: boolean): Promise<void> {
  if (isConfirmed || process.stdin.isTTY !== true) return;
  const prompt = openPrompt();
  try {
    await confirm(question, (text) => prompt.ask(text));
  } finally {
    prompt.close();
  }
}
