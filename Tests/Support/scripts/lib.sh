# Sourced by the scripts beside it: where the repository is, and how they talk.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
tools="$root/.build-tools"
cd "$root"
# Everything is built, what stands behind a trait included.
traits=(--enable-all-traits)

if [[ -t 2 && -z ${NO_COLOR:-} ]]; then bold=$'\e[1m' red=$'\e[31m' plain=$'\e[0m'; else bold='' red='' plain=''; fi

# say TEXT: one line of progress.
say() { echo "${bold}==> $*${plain}" >&2; }

# fail WHAT WHY NEXT: an error in three lines, and the end.
fail() {
    echo "${red}error:${plain} $1" >&2
    [[ -z ${2:-} ]] || echo "  why:  $2" >&2
    [[ -z ${3:-} ]] || echo "  next: $3" >&2
    exit 1
}

# quietly LOG COMMAND...: runs a command with its output in a file, whose end is shown only if it fails.
quietly() {
    local log=$1; shift
    if ! "$@" >"$log" 2>&1; then
        tail -n 30 "$log" >&2
        return 1
    fi
}
