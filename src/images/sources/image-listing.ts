// Prepares the images of a site for display.

import { cleanText } from '../../clean-text.ts';
import { compareImages } from './selection.ts';
import type { StreamFile, StreamImage } from './stream-products.ts';

/** One image of a site. Every text is clean. */
interface SiteImage {
  readonly os: string;
  readonly release: string;
  /** `24.04 LTS`; without a title, the version or the release. */
  readonly title: string;
  readonly arch: string;
  readonly subarch: string;
  readonly label: string;
  readonly serial: string;
  /** The size of all files together; undefined if the site does not give the size of every file, or if they are too large for a number. */
  readonly bytes: number | undefined;
  readonly files: readonly SiteFile[];
}

/** One of its files. */
interface SiteFile {
  readonly name: string;
  readonly ftype: string;
  /** Undefined: the site does not say. */
  readonly bytes: number | undefined;
}

/** The longest word in a listing, in characters. */
const WORD_SHOWN_MAX = 64;

const word = (text: string): string => cleanText(text, WORD_SHOWN_MAX);

/** Lists the images by system, release and architecture, newest first. */
export function listImages(images: readonly StreamImage[]): readonly SiteImage[] {
  return images.toSorted(compareImages).map((image) => ({
    os: word(image.os),
    release: word(image.release),
    title: word(image.title || image.version || image.release),
    arch: word(image.arch),
    subarch: word(image.subarch),
    label: word(image.label),
    serial: word(image.serial),
    bytes: sumOf(image.files),
    files: image.files.map(({ name, ftype, bytes }) => ({ name: word(name), ftype: word(ftype), bytes })),
  }));
}

/** The sum of the sizes; a file shared by several items counts once. */
function sumOf(files: readonly StreamFile[]): number | undefined {
  const sizes = [...new Map(files.map(({ path, bytes }) => [path, bytes])).values()];
  const whole = sizes.reduce<number | undefined>(
    (sum, bytes) => (sum === undefined || bytes === undefined ? undefined : sum + bytes),
    0,
  );
  return Number.isSafeInteger(whole) ? whole : undefined;
}
