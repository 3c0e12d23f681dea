/** Plain-language reasons by error code: Node's own messages name system calls and repeat the path. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'part of the path is a file, not a folder',
  EISDIR: 'it is a folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the disk',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file would be too large',
  EMFILE: 'too many files are open; raise the limit (ulimit -n)',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'too many symbolic links in the path',
};

/** The reason of a system error, such as `permission denied`; undefined for other errors and unknown codes. */
export const knownReason = (error: unknown): string | undefined => REASONS[(error as NodeJS.ErrnoException).code ?? ''];

/** The same; where it is undefined, the error's own message. */
export const reasonOf = (error: unknown): string => knownReason(error) ?? (error as Error).message ?? String(error);
