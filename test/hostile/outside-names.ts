// What the name server of outside says of a name: an address of its own for each, so that an answer which goes to another question is seen.

/** The address of a name of outside.example, in 198.18.0.0/15 (RFC 2544). */
export function outsideAddress(name: string): string {
  let sum = 0;
  for (const character of name.toLowerCase()) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 0x1_ffff;
  return `198.${18 + (sum >>> 16)}.${(sum >>> 8) & 255}.${sum & 255}`;
}

/** Its text, as dig shows it. */
export const outsideText = (name: string): string => `"text of ${name.toLowerCase()}"`;

/** How long the name server says that it may be remembered. */
export const OUTSIDE_SECONDS = 30;
