// Reasons and remedies in the language in use, of which the rack itself speaks: in a trace, a forecast or a hint.

export { type HintName, hintText } from './en/hints.ts';
export { kernelParamsText } from './en/kernel-params.ts';
export { noteText } from './en/notes.ts';
export { ALLOCATION_REASONS, dhcpReason } from './en/rack-dhcp.ts';
export { PURPOSE_CURES, PURPOSE_SENTENCES, refusalOf } from './en/rack-files.ts';
