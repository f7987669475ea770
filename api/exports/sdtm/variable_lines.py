"""The lines of the table that `variables.py` explains; a block begins with
`# NAME|label|class|structure|sort keys`.
"""

from typing import Final

LINES: Final = """
# TA|Trial Arms|TRIAL DESIGN|One record per planned Element per Arm|STUDYID ARMCD TAETORD
STUDYID|Study Identifier|text|Req|P|
DOMAIN|Domain Abbreviation|text|Req|A|
ARMCD|Planned Arm Code|text|Req|P|ARMCD
ARM|Description of Planned Arm|text|Req|P|ARM
TAETORD|Planned Order of Element within Arm|integer|Req|P|
ETCD|Element Code|text|Req|P|ETCD
ELEMENT|Description of Element|text|Perm|P|
TABRANCH|Branch|text|Exp|P|
TATRANS|Transition Rule|text|Exp|P|
EPOCH|Epoch|text|Req|P|EPOCH

# TE|Trial Elements|TRIAL DESIGN|One record per planned Element|STUDYID ETCD
STUDYID|Study Identifier|text|Req|P|
DOMAIN|Domain Abbreviation|text|Req|A|
ETCD|Element Code|text|Req|P|ETCD
ELEMENT|Description of Element|text|Req|P|
TESTRL|Rule for Start of Element|text|Req|P|
TEENRL|Rule for End of Element|text|Perm|P|
TEDUR|Planned Duration of Element|text|Perm|P|

# TI|Trial Inclusion/Exclusion Criteria|TRIAL DESIGN|One record per I/E criterion|STUDYID IETESTCD
STUDYID|Study Identifier|text|Req|P|
DOMAIN|Domain Abbreviation|text|Req|A|
IETESTCD|Incl/Excl Criterion Short Name|text|Req|P|IETESTCD
IETEST|Inclusion/Exclusion Criterion|text|Req|P|
IECAT|Inclusion/Exclusion Category|text|Req|P|IECAT
IESCAT|Inclusion/Exclusion Subcategory|text|Perm|P|
TIRL|Inclusion/Exclusion Criterion Rule|text|Perm|P|
TIVERS|Protocol Criteria Versions|text|Perm|P|

# TS|Trial Summary|TRIAL DESIGN|One record per trial summary parameter value|STUDYID TSPARMCD TSSEQ
STUDYID|Study Identifier|text|Req|P|
DOMAIN|Domain Abbreviation|text|Req|A|
TSSEQ|Sequence Number|integer|Req|A|
TSGRPID|Group ID|text|Perm|A|
TSPARMCD|Trial Summary Parameter Short Name|text|Req|A|
TSPARM|Trial Summary Parameter|text|Req|A|
TSVAL|Parameter Value|text|Exp|P|
TSVALNF|Parameter Null Flavor|text|Perm|A|
TSVALCD|Parameter Value Code|text|Exp|A|
TSVCDREF|Name of the Reference Terminology|text|Exp|A|
TSVCDVER|Version of the Reference Terminology|text|Exp|A|

# DM|Demographics|SPECIAL PURPOSE|One record per subject|STUDYID USUBJID
STUDYID|Study Identifier|text|Req|P|
DOMAIN|Domain Abbreviation|text|Req|A|
USUBJID|Unique Subject Identifier|text|Req|D:USUBJID|
SUBJID|Subject Identifier for the Study|text|Req|C|
RFSTDTC|Subject Reference Start Date/Time|date|Exp|D:RFSTDTC|
RFENDTC|Subject Reference End Date/Time|date|Exp|D:RFENDTC|
RFXSTDTC|Date/Time of First Study Treatment|date|Exp|D:RFX|
RFXENDTC|Date/Time of Last Study Treatment|date|Exp|D:RFX|
RFCSTDTC|Date/Time of First Challenge Agent Admin|date|Perm|D:SOURCE|
RFCENDTC|Date/Time of Last Challenge Agent Admin|date|Perm|D:SOURCE|
RFICDTC|Date/Time of Informed Consent|date|Exp|C|
RFPENDTC|Date/Time of End of Participation|date|Exp|D:RFPENDTC|
DTHDTC|Date/Time of Death|date|Exp|C|
DTHFL|Subject Death Flag|text|Exp|D:DTHFL|NY
SITEID|Study Site Identifier|text|Req|A|
INVID|Investigator Identifier|text|Perm|A|
AGE|Age|integer|Exp|C|
AGEU|Age Units|text|Exp|C|AGEU
SEX|Sex|text|Req|C|SEX
RACE|Race|text|Exp|C|RACE
ETHNIC|Ethnicity|text|Perm|C|ETHNIC
ARMCD|Planned Arm Code|text|Exp|A|ARMCD
ARM|Description of Planned Arm|text|Exp|A|ARM
ACTARMCD|Actual Arm Code|text|Exp|A|ACTARMCD
ACTARM|Description of Actual Arm|text|Exp|A|
ARMNRS|Reason Arm and/or Actual Arm is Null|text|Exp|A|ARMNRS
ACTARMUD|Description of Unplanned Actual Arm|text|Exp|A|
COUNTRY|Country|text|Req|A|
DMDTC|Date/Time of Collection|date|Perm|C|
DMDY|Study Day of Collection|integer|Perm|D:DY|

# SE|Subject Elements|SPECIAL PURPOSE|One record per actual Element per subject|STUDYID USUBJID SESTDTC SESEQ
STUDYID|Study Identifier|text|Req|P|
DOMAIN|Domain Abbreviation|text|Req|A|
USUBJID|Unique Subject Identifier|text|Req|D:USUBJID|
SESEQ|Sequence Number|integer|Req|D:SEQ|
ETCD|Element Code|text|Req|D:SE|ETCD
ELEMENT|Description of Element|text|Perm|D:SE|
TAETORD|Planned Order of Element within Arm|integer|Perm|D:SE|
EPOCH|Epoch|text|Perm|D:SE|EPOCH
SESTDTC|Start Date/Time of Element|date|Req|D:SE|
SEENDTC|End Date/Time of Element|date|Exp|D:SE|
SESTDY|Study Day of Start of Element|integer|Perm|D:DY|
SEENDY|Study Day of End of Element|integer|Perm|D:DY|

# SV|Subject Visits|SPECIAL PURPOSE|One record per actual or planned visit per subject|STUDYID USUBJID VISITNUM SVSTDTC
STUDYID|Study Identifier|text|Req|P|
DOMAIN|Domain Abbreviation|text|Req|A|
USUBJID|Unique Subject Identifier|text|Req|D:USUBJID|
VISITNUM|Visit Number|float|Req|A|
VISIT|Visit Name|text|Req|P|
SVPRESP|Pre-specified|text|Exp|D:SVPRESP|NY
SVOCCUR|Occurrence|text|Exp|C|NY
SVREASOC|Reason for Occur Value|text|Perm|C|
SVCNTMOD|Contact Mode|text|Perm|C|
SVEPCHGI|Epi/Pandemic Related Change Indicator|text|Perm|C|NY
VISITDY|Planned Study Day of Visit|integer|Perm|P|
TAETORD|Planned Order of Element within Arm|integer|Perm|D:SOURCE|
EPOCH|Epoch|text|Perm|D:EPOCH|EPOCH
SVSTDTC|Start Date/Time of Observation|date|Exp|C|
SVENDTC|End Date/Time of Observation|date|Exp|C|
SVSTDY|Study Day of Start of Observation|integer|Perm|D:DY|
SVENDY|Study Day of End of Observation|integer|Perm|D:DY|
SVUPDES|Description of Unplanned Visit|text|Perm|C|

# EX|Exposure|INTERVENTIONS|One record per constant-dosing interval or administration per subject|STUDYID USUBJID EXSEQ
STUDYID|Study Identifier|text|Req|P|
DOMAIN|Domain Abbreviation|text|Req|A|
USUBJID|Unique Subject Identifier|text|Req|D:USUBJID|
EXSEQ|Sequence Number|integer|Req|D:SEQ|
EXGRPID|Group ID|text|Perm|A|
EXREFID|Reference ID|text|Perm|C|
EXSPID|Sponsor-Defined Identifier|text|Perm|A|
EXTRT|Name of Treatment|text|Req|C|
EXCAT|Category of Treatment|text|Perm|A|
EXSCAT|Subcategory of Treatment|text|Perm|A|
EXDOSE|Dose|float|Exp|C|
EXDOSTXT|Dose Description|text|Perm|C|
EXDOSU|Dose Units|text|Exp|C|EXDOSU
EXDOSFRM|Dose Form|text|Exp|C|EXDOSFRM
EXDOSFRQ|Dosing Frequency per Interval|text|Perm|C|EXDOSFRQ
EXDOSRGM|Intended Dose Regimen|text|Perm|P|
EXROUTE|Route of Administration|text|Perm|C|EXROUTE
EXLOT|Lot Number|text|Perm|C|
EXLOC|Location of Dose Administration|text|Perm|C|
EXFAST|Fasting Status|text|Perm|C|NY
EXADJ|Reason for Dose Adjustment|text|Perm|C|
VISITNUM|Visit Number|float|Perm|A|
VISIT|Visit Name|text|Perm|P|
VISITDY|Planned Study Day of Visit|integer|Perm|P|
TAETORD|Planned Order of Element within Arm|integer|Perm|D:SOURCE|
EPOCH|Epoch|text|Perm|D:EPOCH|EPOCH
EXSTDTC|Start Date/Time of Treatment|date|Exp|C|
EXENDTC|End Date/Time of Treatment|date|Exp|C|
EXSTDY|Study Day of Start of Treatment|integer|Perm|D:DY|
EXENDY|Study Day of End of Treatment|integer|Perm|D:DY|

# AE|Adverse Events|EVENTS|One record per adverse event per subject|STUDYID USUBJID AESEQ
STUDYID|Study Identifier|text|Req|P|
DOMAIN|Domain Abbreviation|text|Req|A|
USUBJID|Unique Subject Identifier|text|Req|D:USUBJID|
AESEQ|Sequence Number|integer|Req|D:SEQ|
AEGRPID|Group ID|text|Perm|A|
AEREFID|Reference ID|text|Perm|C|
AESPID|Sponsor-Defined Identifier|text|Perm|C|
AETERM|Reported Term for the Adverse Event|text|Req|C|
AEMODIFY|Modified Reported Term|text|Perm|A|
AELLT|Lowest Level Term|text|Exp|A|AEDICT
AELLTCD|Lowest Level Term Code|integer|Exp|A|
AEDECOD|Dictionary-Derived Term|text|Req|A|AEDICT
AEPTCD|Preferred Term Code|integer|Exp|A|
AEHLT|High Level Term|text|Exp|A|AEDICT
AEHLTCD|High Level Term Code|integer|Exp|A|
AEHLGT|High Level Group Term|text|Exp|A|AEDICT
AEHLGTCD|High Level Group Term Code|integer|Exp|A|
AECAT|Category for Adverse Event|text|Perm|A|
AESCAT|Subcategory for Adverse Event|text|Perm|A|
AEPRESP|Pre-Specified Adverse Event|text|Perm|C|NY
AEBODSYS|Body System or Organ Class|text|Exp|A|AEDICT
AEBDSYCD|Body System or Organ Class Code|integer|Exp|A|
AESOC|Primary System Organ Class|text|Exp|A|AEDICT
AESOCCD|Primary System Organ Class Code|integer|Exp|A|
AELOC|Location of Event|text|Perm|C|
AESEV|Severity/Intensity|text|Perm|C|AESEV
AESER|Serious Event|text|Exp|C|NY
AEACN|Action Taken with Study Treatment|text|Exp|C|ACN
AEACNOTH|Other Action Taken|text|Perm|C|
AEREL|Causality|text|Exp|C|AEREL
AERELNST|Relationship to Non-Study Treatment|text|Perm|C|
AEPATT|Pattern of Adverse Event|text|Perm|C|
AEOUT|Outcome of Adverse Event|text|Perm|C|OUT
AESCAN|Involves Cancer|text|Perm|C|NY
AESCONG|Congenital Anomaly or Birth Defect|text|Perm|C|NY
AESDISAB|Persist or Signif Disability/Incapacity|text|Perm|C|NY
AESDTH|Results in Death|text|Perm|C|NY
AESHOSP|Requires or Prolongs Hospitalization|text|Perm|C|NY
AESLIFE|Is Life Threatening|text|Perm|C|NY
AESOD|Occurred with Overdose|text|Perm|C|NY
AESMIE|Other Medically Important Serious Event|text|Perm|C|NY
AECONTRT|Concomitant or Additional Trtmnt Given|text|Perm|C|NY
AETOXGR|Standard Toxicity Grade|text|Perm|C|
TAETORD|Planned Order of Element within Arm|integer|Perm|D:SOURCE|
EPOCH|Epoch|text|Perm|D:EPOCH|EPOCH
AEDTC|Date/Time of Collection|date|Perm|C|
AESTDTC|Start Date/Time of Adverse Event|date|Exp|C|
AEENDTC|End Date/Time of Adverse Event|date|Exp|C|
AEDY|Study Day of Visit/Collection/Exam|integer|Perm|D:DY|
AESTDY|Study Day of Start of Adverse Event|integer|Perm|D:DY|
AEENDY|Study Day of End of Adverse Event|integer|Perm|D:DY|
AEDUR|Duration of Adverse Event|text|Perm|C|
AEENRF|End Relative to Reference Period|text|Perm|C|
AEENRTPT|End Relative to Reference Time Point|text|Perm|C|
AEENTPT|End Reference Time Point|text|Perm|C|

# DS|Disposition|EVENTS|One record per disposition status or protocol milestone per subject|STUDYID USUBJID DSSEQ
STUDYID|Study Identifier|text|Req|P|
DOMAIN|Domain Abbreviation|text|Req|A|
USUBJID|Unique Subject Identifier|text|Req|D:USUBJID|
DSSEQ|Sequence Number|integer|Req|D:SEQ|
DSGRPID|Group ID|text|Perm|A|
DSREFID|Reference ID|text|Perm|C|
DSSPID|Sponsor-Defined Identifier|text|Perm|C|
DSTERM|Reported Term for the Disposition Event|text|Req|C|
DSDECOD|Standardized Disposition Term|text|Req|A|DSDECOD
DSCAT|Category for Disposition Event|text|Exp|A|DSCAT
DSSCAT|Subcategory for Disposition Event|text|Perm|A|
VISITNUM|Visit Number|float|Perm|A|
VISIT|Visit Name|text|Perm|P|
VISITDY|Planned Study Day of Visit|integer|Perm|P|
TAETORD|Planned Order of Element within Arm|integer|Perm|D:SOURCE|
EPOCH|Epoch|text|Perm|D:EPOCH|EPOCH
DSDTC|Date/Time of Collection|date|Perm|C|
DSSTDTC|Start Date/Time of Disposition Event|date|Exp|C|
DSDY|Study Day of Collection|integer|Perm|D:DY|
DSSTDY|Study Day of Start of Disposition Event|integer|Exp|D:DY|

# DV|Protocol Deviations|EVENTS|One record per protocol deviation per subject|STUDYID USUBJID DVSEQ
STUDYID|Study Identifier|text|Req|P|
DOMAIN|Domain Abbreviation|text|Req|A|
USUBJID|Unique Subject Identifier|text|Req|D:USUBJID|
DVSEQ|Sequence Number|integer|Req|D:SEQ|
DVTERM|Protocol Deviation Term|text|Req|C|
DVDECOD|Protocol Deviation Coded Term|text|Perm|A|
DVCAT|Category for Protocol Deviation|text|Perm|A|DVCAT
DVSCAT|Subcategory for Protocol Deviation|text|Perm|A|DVSCAT
EPOCH|Epoch|text|Perm|D:EPOCH|EPOCH
DVSTDTC|Start Date/Time of Deviation|date|Perm|C|
DVSTDY|Study Day of Start of Deviation|integer|Perm|D:DY|

# RELREC|Related Records|RELATIONSHIP|One record per related record per subject|STUDYID USUBJID RELID RDOMAIN IDVAR IDVARVAL
STUDYID|Study Identifier|text|Req|P|
RDOMAIN|Related Domain Abbreviation|text|Req|A|
USUBJID|Unique Subject Identifier|text|Exp|D:USUBJID|
IDVAR|Identifying Variable|text|Req|A|
IDVARVAL|Identifying Variable Value|text|Exp|A|
RELTYPE|Relationship Type|text|Exp|A|
RELID|Relationship Identifier|text|Req|A|

# SUPP|Supplemental Qualifiers|RELATIONSHIP|One record per supplemental qualifier per related parent record|STUDYID RDOMAIN USUBJID IDVAR IDVARVAL QNAM
STUDYID|Study Identifier|text|Req|P|
RDOMAIN|Related Domain Abbreviation|text|Req|A|
USUBJID|Unique Subject Identifier|text|Req|D:USUBJID|
IDVAR|Identifying Variable|text|Exp|A|
IDVARVAL|Identifying Variable Value|text|Exp|A|
QNAM|Qualifier Variable Name|text|Req|A|
QLABEL|Qualifier Variable Label|text|Req|A|
QVAL|Data Value|text|Req|C|
QORIG|Origin|text|Req|A|
QEVAL|Evaluator|text|Exp|A|
"""  # noqa: E501
