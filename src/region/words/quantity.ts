// Sizes and times in the language in use. Separate from `language.ts`, because the command line needs them without all the region's texts.

export {
  formatAge,
  formatBytes,
  formatDuration,
  formatOffset,
  formatSize,
  formatSpan,
  formatWallTime,
} from './en/quantity.ts';
