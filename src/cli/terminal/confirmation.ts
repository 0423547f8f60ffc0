// Asks a person at a terminal before something is lost for good. A program is not asked.

import { RackError } from '../../errors.ts';
import { openPrompt } from './prompt.ts';

/** Asks, and accepts only yes. @throws RackError `cancelled` on any other answer */
export async function confirm(question: string, ask: (question: string) => Promise<string>): Promise<void> {
  const answer = (await ask(`${question} [y/N] `)).trim();
  if (!/^y(?:es)?$/i.test(answer)) throw new RackError('cancelled', 'nothing was changed');
}

/** The same on the terminal, if there is one and `isMeant` is false. @throws RackError `cancelled` */
export async function confirmOnTerminal(question: string, isMeant: boolean): Promise<void> {
  if (isMeant || process.stdin.isTTY !== true) return;
  const prompt = openPrompt();
  try {
    await confirm(question, (text) => prompt.ask(text));
  } finally {
    prompt.close();
  }
}
