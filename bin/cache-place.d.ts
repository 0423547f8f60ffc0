/** The directory for what a checkout can make again; it need not exist. */
export function cachePlace(): string;
