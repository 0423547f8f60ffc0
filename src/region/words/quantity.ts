// Sizes and times in the language in use. Apart from `language.ts`, as the command line needs them without all the region's texts.

export { formatBytes, formatDuration, formatSpan, formatWallTime } from './en/quantity.ts';
