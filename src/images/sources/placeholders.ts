// Placeholders in the URLs and names of a source: `{release}`, `{version}`, `{serial}` and `{arch}`.

export const PLACEHOLDERS = ['release', 'version', 'serial', 'arch'] as const;
type Placeholder = (typeof PLACEHOLDERS)[number];

const PLACEHOLDER = /\{([^{}]{0,32})\}/g;

/** Lists the names in braces in a text, whether known or not. */
export const listPlaceholders = (text: string): readonly string[] =>
  [...text.matchAll(PLACEHOLDER)].map(([, name = '']) => name);

/** Fills in placeholders. A placeholder without a value stays. */
export function fillPlaceholders(
  text: string,
  values: Readonly<Partial<Record<Placeholder, string | undefined>>>,
): string {
  return text.replace(PLACEHOLDER, (placeholderText, name: string) => {
    const placeholder = PLACEHOLDERS.find((candidate) => candidate === name);
    return (placeholder === undefined ? undefined : values[placeholder]) ?? placeholderText;
  });
}
