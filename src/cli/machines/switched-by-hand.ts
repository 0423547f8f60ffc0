// Machines that wait for a person to switch them on: what commands say of them.

import { WAITING_TEXT } from '../../region/life/status-change.ts';

/** A machine as the region tells of it; one that is older may not say why it is in its state. */
type Told = Readonly<Record<string, unknown>>;

/** True for a machine that begins its work as soon as somebody switches it on, which no power driver can. */
export const waitsForHand = ({ status_message: message }: Told): boolean => message === WAITING_TEXT;

/** Its state as a cell or a line shows it. */
export const statusText = (machine: Told & { readonly status_name: string }): string =>
  waitsForHand(machine) ? `${machine.status_name}, ${WAITING_TEXT}` : machine.status_name;

/** What the column for remarks on its power says. */
export const handNote = (machine: Told): string => (waitsForHand(machine) ? WAITING_TEXT : '');
