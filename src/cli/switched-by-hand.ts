// Machines that wait for a person to switch them on: what commands say of them.

import { WAITING_TEXT } from '../region/life/status-change.ts';

/** True for a machine that begins its work as soon as somebody switches it on, which no power driver can. */
export const waitsForHand = ({ status_message: message }: { readonly status_message?: unknown }): boolean =>
  message === WAITING_TEXT;

/** Its state as a cell or a line shows it. */
export const statusText = (machine: { readonly status_name: string; readonly status_message?: unknown }): string =>
  waitsForHand(machine) ? `${machine.status_name}, ${WAITING_TEXT}` : machine.status_name;

/** What the column for remarks on its power says. */
export const handNote = (machine: { readonly status_message?: unknown }): string =>
  waitsForHand(machine) ? WAITING_TEXT : '';
