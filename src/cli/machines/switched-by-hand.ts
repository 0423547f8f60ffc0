// How commands show machines that wait for a person to switch them on.

import { remarkSentence } from '../../region/words/event.ts';

/** The remark on a machine that a person must switch on. */
const WAITING_TEXT = remarkSentence({ code: 'waits-for-hand', params: {} });

/** A machine as sent by the region. An older region may not send the reason of its state. */
type SentMachine = Readonly<Record<string, unknown>>;

/** True if a machine starts its work as soon as a person switches it on, because no power driver can. */
export const waitsForHand = ({ status_message_code: code }: SentMachine): boolean => code === 'waits-for-hand';

/** A machine's state, for a cell or a line. */
export const statusText = (machine: SentMachine & { readonly status_name: string }): string =>
  waitsForHand(machine) ? `${machine.status_name}, ${WAITING_TEXT}` : machine.status_name;

/** The remark on a machine's power. */
export const handNote = (machine: SentMachine): string => (waitsForHand(machine) ? WAITING_TEXT : '');
