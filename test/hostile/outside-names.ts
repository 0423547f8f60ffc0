// The answers of the outside name server: each name has its own address, so that a misdirected answer is noticed.

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
