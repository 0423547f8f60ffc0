// A person's wishes for an image.

/** `delete`: the image and its import. */
export type ResourceWish = 'import' | 'delete';
