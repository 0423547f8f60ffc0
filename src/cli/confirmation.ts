// Asks a person at a terminal before something is gone for good. A program is not asked: it means what it says.

import { RackError } from '../errors.ts';
import { openPrompt } from './prompt.ts';

/** Asks, and takes nothing but yes. @throws RackError `cancelled` when the person means something else */
export async function confirm(question: string, ask: (question: string) => Promise<string>): Promise<void> {
  const answer = (await ask(`${question} [y/N] `)).trim();
  if (!/^y(?:es)?$/i.test(answer)) throw new RackError('cancelled', 'nothing was changed');
}

/** The same on the terminal, where there is one and `isMeant` does not say already that it is. @throws RackError `cancelled` */
export async function confirmOnTerminal(question: string, isMeant: boolean): Promise<void> {
  if (isMeant || process.stdin.isTTY !== true) return;
  const prompt = openPrompt();
  try {
    await confirm(question, (text) => prompt.ask(text));
  } finally {
    prompt.close();
  }
}
