r"""What the article and the fragment share: packages, commands, and the frame of the article."""

from .heatmaps import LEVELS

__all__ = ["ARTICLE", "DEFINITIONS", "PACKAGES"]

PACKAGES = r"""\usepackage{amsmath,amssymb,adjustbox,booktabs,xcolor}
"""

_ORANGE, _BLUE = (217, 95, 2), (31, 110, 190)


def _colours() -> str:
    lines = []
    for name, colour in (("p", _ORANGE), ("n", _BLUE)):
        for level in range(1, LEVELS + 1):
            share = level / LEVELS
            mixed = ",".join(str(round(255 + share * (part - 255))) for part in colour)
            lines.append(rf"\definecolor{{bp{name}{level}}}{{RGB}}{{{mixed}}}%")
    return "\n".join(lines)


DEFINITIONS = (
    r"""\makeatletter
\providecommand{\bpsource}[1]{\if\relax\detokenize{#1}\relax\else\,{\normalfont\textsuperscript{\textcolor{black!55}{#1}}}\fi}
\providecommand{\bpfit}[2]{$\vcenter{\hbox{\adjustbox{max width=#1\linewidth}{#2}}}$}
\providecommand{\bpsay}[2]{\par\vspace{0.15\baselineskip}\noindent #1\bpsource{#2}\par}
\providecommand{\bpentry}[2]{{\footnotesize\parbox[t]{0.49\linewidth}{%
  \makebox[1.4em][l]{\bpsource{#1}}\parbox[t]{\dimexpr\linewidth-1.4em\relax}{\raggedright\strut #2\strut}}%
  \hfill\allowbreak}}
\providecommand{\bpshape}[1]{\textcolor{black!50}{\footnotesize #1}}
\providecommand{\bpline}[4]{% reason, source, shape, formula: side by side
  \par\vspace{0.15\baselineskip}\noindent
  \makebox[0.5\linewidth][l]{\hspace{1.2em}\bpfit{0.47}{$\displaystyle #4$}}%
  $\vcenter{\hbox{\parbox{0.4\linewidth}{\small\raggedright\itshape #1\bpsource{#2}}}}$%
  \hfill\bpshape{#3}\par}
\providecommand{\bplines}[4]{% the same, the reason above the formula
  \par\vspace{0.15\baselineskip}\noindent{\small\itshape #1\bpsource{#2}}\par\nopagebreak
  \noindent\hspace*{1.2em}\bpfit{0.86}{$\displaystyle #4$}\hfill\bpshape{#3}\par}
\providecommand{\bpfold}[1]{\par\vspace{0.2\baselineskip}{\centering\small\itshape #1\par}\vspace{0.2\baselineskip}}
\@ifundefined{bpside}{\newlength{\bpside}}{}%
\providecommand{\bpp}[2]{{\color{bpp#1}\rule[-0.15pt]{#2\bpside}{\dimexpr\bpside+0.3pt\relax}}}
\providecommand{\bpn}[2]{{\color{bpn#1}\rule[-0.15pt]{#2\bpside}{\dimexpr\bpside+0.3pt\relax}}}
\providecommand{\bpz}[1]{\hspace*{#1\bpside}\rule{0pt}{\bpside}}
\providecommand{\bpnl}{}
\providecommand{\bpheat}[2]{{\setlength{\bpside}{#1}\setlength{\fboxsep}{0.6pt}\setlength{\fboxrule}{0.3pt}%
  \def\bpnl{\cr}\fcolorbox{black!40}{white}{\vbox{\offinterlineskip\halign{##\hfil\cr #2}}}}}
\providecommand{\bpfigure}[2]{\par\nopagebreak\vspace{2pt}{\noindent\hspace*{1.2em}%
  \begin{tabular}{@{}r@{\quad}l@{}}\bpfit{0.62}{#1} &
  \footnotesize\begin{tabular}{@{}l@{}}#2\end{tabular}\end{tabular}\par}}
\makeatother
"""
    + _colours()
    + "\n"
)
"""Commands that the body uses; ``\\providecommand`` leaves those of a document of one's own alone."""

ARTICLE = r"""\documentclass[10pt,a4paper]{{article}}
\usepackage[T1]{{fontenc}}
\usepackage[utf8]{{inputenc}}
\usepackage{{mathpazo}}
\renewcommand{{\ttdefault}}{{txtt}}
\usepackage[margin=22mm]{{geometry}}
\usepackage{{microtype}}
{packages}\usepackage[hidelinks]{{hyperref}}
\setcounter{{MaxMatrixCols}}{{40}}
\setlength{{\parindent}}{{0pt}}
\setlength{{\parskip}}{{1pt plus 1pt}}
\makeatletter % headings close to what they head: a derivation has many
\renewcommand\section{{%
  \@startsection{{section}}{{1}}{{0pt}}{{1.0\baselineskip plus 3pt}}{{0.3\baselineskip}}{{\normalfont\large\bfseries}}}}
\renewcommand\subsection{{%
  \@startsection{{subsection}}{{2}}{{0pt}}{{0.6\baselineskip plus 2pt}}{{0.2\baselineskip}}{{\normalfont\bfseries}}}}
\makeatother
\emergencystretch=3em
{definitions}
\hypersetup{{pdftitle={{{title}}}}}
\begin{{document}}
\begin{{center}}\LARGE {title}\end{{center}}
{body}
\end{{document}}
"""
