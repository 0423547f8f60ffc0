// How commands show machines that wait for a person to switch them on.

import { remarkSentence } from '../../region/records/events.ts';

/** The remarks on a machine that a person must switch on or restart. */
const WAITING = ['waits-for-hand', 'waits-for-restart'] as const;

/** A machine as sent by the region. An older region may not send the reason of its state. */
type SentMachine = Readonly<Record<string, unknown>>;

/** True if a machine starts its work as soon as a person switches it on, because no power driver can. */
export const waitsForHand = (machine: SentMachine): boolean => waitingText(machine) !== '';

function waitingText({ status_message_code: sent }: SentMachine): string {
  const code = WAITING.find((one) => one === sent);
  return code === undefined ? '' : remarkSentence({ code, params: {} });
}

/** A machine's state, for a cell or a line. */
export const statusText = (machine: SentMachine & { readonly status_name: string }): string =>
  [machine.status_name, waitingText(machine)].filter((text) => text !== '').join(', ');

/** The remark on a machine's power. */
export const handNote = (machine: SentMachine): string => waitingText(machine);
